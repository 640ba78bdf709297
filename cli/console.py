"""Where commands print: a terminal has an edge, and what is piped to a program or a file has none."""

import os
from typing import TextIO

from rich.console import Console

UNBOUNDED = 10_000
"""Columns that no line of ours fills: nothing is cut or folded within them."""


def page(out: TextIO | None = None) -> Console:
    """As wide as the terminal, or as COLUMNS says; whatever else is written to is as wide as what it is told."""
    made = Console(highlight=False, file=out)
    if not (made.file.isatty() or "COLUMNS" in os.environ):
        made.width = UNBOUNDED
    return made


console = page()
