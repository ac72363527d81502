"""The handlers of the command table, by theme."""
