"""From a file on disk to an asset: watch, settle, upload, register; the ledger that survives every crash."""

from __future__ import annotations

from .expected import Delivery, ExpectedOutput, OutputResult, SyncReport
from .sync import OutputSync

__all__ = ["Delivery", "ExpectedOutput", "OutputResult", "OutputSync", "SyncReport"]
