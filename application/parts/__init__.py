"""What a rollout does is done part by part, inside the transaction of whoever asks for it."""

from application.parts.exposing import MOST, Exposed, expose, late
from application.parts.inheriting import hand_over, predecessor
from application.parts.moving import bases_moved
from application.parts.restoring import Restored, restore, served
from application.parts.snapshotting import parts_of, snapshot

__all__ = [
    "MOST",
    "Exposed",
    "Restored",
    "bases_moved",
    "expose",
    "hand_over",
    "late",
    "parts_of",
    "predecessor",
    "restore",
    "served",
    "snapshot",
]
