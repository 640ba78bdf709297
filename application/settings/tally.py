"""How often each level of the cache had the answer is counted without a lock, on the one thread of the event loop."""

from dataclasses import dataclass


@dataclass
class Tally:
    """By key that was asked for. `first` is this process' memory, `second` what processes share.

    `invalidations` are news that took something from memory; `refused` was found in the second level and not told,
    because nothing shows that it is still so, or because it is about something else.
    """

    first_hits: int = 0
    first_misses: int = 0
    second_hits: int = 0
    second_misses: int = 0
    invalidations: int = 0
    refused: int = 0
