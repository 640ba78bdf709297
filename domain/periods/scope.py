"""A scope is a sub-ledger or the general ledger; each has a gate of its own in every period."""

import re
from dataclasses import dataclass

CODE = re.compile(r"[A-Z][A-Z0-9_]{0,19}")


@dataclass(frozen=True)
class Scope:
    """`ledger`: a general ledger, closed after all sub-ledgers. `sequential`: periods are closed in order."""

    code: str
    name: str
    ledger: bool = False
    sequential: bool = False
    version: int = 1
