"""Feature flags in the flagd language: checked when they are proposed, compiled once, evaluated in a microsecond."""

from domain.flags.bucketing import Bucketing
from domain.flags.definition import FlagDefinition, FlagType, check_key, parse_definition
from domain.flags.evaluation import CODE_DEFAULT, CodeDefault, ErrorCode, Evaluation, Reason
from domain.flags.evaluators import SHARED_RULES, parse_evaluators
from domain.flags.snapshot import FlagSet, compile_flag_set
from domain.flags.whole import BUCKETING, WHOLE

__all__ = [
    "BUCKETING",
    "CODE_DEFAULT",
    "SHARED_RULES",
    "WHOLE",
    "Bucketing",
    "CodeDefault",
    "ErrorCode",
    "Evaluation",
    "FlagDefinition",
    "FlagSet",
    "FlagType",
    "Reason",
    "check_key",
    "compile_flag_set",
    "parse_definition",
    "parse_evaluators",
]
