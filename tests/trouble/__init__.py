"""Every question of docs/troubleshooting.md happens here, and ftpsd says what the page shows."""
