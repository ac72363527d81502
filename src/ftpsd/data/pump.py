"""The pump: a C loop that moves a transfer without the GIL (theory: `native/pump_core.h`)."""

from ftpsd.native._openssl import Pump, answer_promptly, give_way_to, keep_to_processor

__all__ = ["Pump", "answer_promptly", "give_way_to", "keep_to_processor"]
