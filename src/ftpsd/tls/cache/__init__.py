"""Where TLS sessions and OCSP responses are kept for other connections, workers and machines."""
