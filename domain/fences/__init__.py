"""Modules with books in another database: which gate each is to set, and what it said of it."""

from domain.fences.fence import MOST_ATTEMPTS, Acknowledgement, Fence, FencedPeriod, FenceState
from domain.fences.module import RemoteModule, check_module, serving
from domain.fences.postings import check_epoch, shut_out
from domain.fences.refusals import EpochUnknown, FenceSettled, NotItsSpeaker, RemoteModuleMissing

__all__ = [
    "MOST_ATTEMPTS",
    "Acknowledgement",
    "EpochUnknown",
    "Fence",
    "FenceSettled",
    "FenceState",
    "FencedPeriod",
    "NotItsSpeaker",
    "RemoteModule",
    "RemoteModuleMissing",
    "check_epoch",
    "check_module",
    "serving",
    "shut_out",
]
