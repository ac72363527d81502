"""What a session sees as files."""
