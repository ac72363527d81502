"""The wait for two descriptors (see `native._system.wait_for`)."""

from ftpsd.native._system import wait_for

__all__ = ["wait_for"]
