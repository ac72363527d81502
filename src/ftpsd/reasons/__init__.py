"""Why: the stable codes of everything that goes wrong, and one explanation of each."""
