"""SQL databases: statements with bound parameters (pure), connections that worker threads share, named queries."""
