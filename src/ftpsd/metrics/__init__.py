"""What a server counts, over all its workers, and the exporter that Prometheus asks (MetricsAddress)."""
