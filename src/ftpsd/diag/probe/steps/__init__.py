"""The steps of a probe: each makes connections, observes, and gives back the facts with what it added."""
