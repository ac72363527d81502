"""The pump: one C loop that moves a transfer's bytes without the GIL (`native/pump_core.h` has the theory)."""

from ftpsd.native._openssl import Pump

__all__ = ["Pump"]
