"""Flags are evaluated as the server evaluates them: this is its code, which the wheel brings along."""

from domain.flags import CODE_DEFAULT, Bucketing, Evaluation, FlagSet, compile_flag_set

__all__ = ["CODE_DEFAULT", "Bucketing", "Evaluation", "FlagSet", "compile_flag_set"]
