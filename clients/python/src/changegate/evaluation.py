"""Flags are evaluated as the server evaluates them: this is its code, which the wheel brings along."""

from domain.flags import CODE_DEFAULT, Bucketing, FlagSet, compile_flag_set
from domain.json_value import same

__all__ = ["CODE_DEFAULT", "Bucketing", "FlagSet", "compile_flag_set", "same"]
