"""Tests of stapling."""
