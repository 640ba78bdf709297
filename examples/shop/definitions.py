"""The shop knows three versions of its checkout; the flag says which one a customer meets."""

from typing import Any

CONTROL = "classic"
"""The present checkout, and what the shop does when nobody tells it anything."""
VARIANTS = (CONTROL, "express", "turbo")


def with_default(variant: str) -> dict[str, Any]:
    """The flag in flagd's language, serving `variant` to everybody; ValueError for a version the shop has not got."""
    if variant not in VARIANTS:
        raise ValueError(f"the shop has no checkout called {variant}")
    return {"state": "ENABLED", "variants": {name: name for name in VARIANTS}, "defaultVariant": variant}


def classic_only() -> dict[str, Any]:
    return with_default(CONTROL)
