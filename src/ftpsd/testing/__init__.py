"""Helpers for our tests and for users' tests."""
