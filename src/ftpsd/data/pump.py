"""The pump: a C loop that moves a transfer without the GIL (theory: `native/pump_core.h`)."""

from ftpsd.native._openssl import Pump

__all__ = ["Pump"]
