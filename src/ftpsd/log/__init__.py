"""Events (what happened) and the sinks that listen."""
