"""What would have to be done to a thing so that the stored is as a bundle says."""

from enum import StrEnum


class Op(StrEnum):
    """`KEPT` differs and stays, because nothing may be overwritten."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    KEPT = "kept"
    EQUAL = "equal"
