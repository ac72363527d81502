"""The pump: a C loop that moves a transfer without the GIL (theory: `native/pump_core.h`)."""

from ftpsd.native._openssl import Pump, keep_to_processor

__all__ = ["Pump", "keep_to_processor"]
