"""The FTP protocol without I/O."""
