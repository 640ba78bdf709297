"""JSON values have a name, and no type that a checker could hold them to."""

from typing import Any

Json = Any
"""None, bool, int, float, str, or lists and string-keyed dicts of them."""
