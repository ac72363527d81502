"""Supervisor, workers, listeners, signals and the scoreboard."""
