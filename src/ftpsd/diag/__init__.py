"""What is wrong, and why: the check of a configuration, the questions that can be asked of it."""
