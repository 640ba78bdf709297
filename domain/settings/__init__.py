"""Settings that stand at scopes: what may be said of a key, and what is in force for whoever asks."""

from domain.settings.bundle import MOST_VALUES, Bundle, Line, lines_of, travels
from domain.settings.bundle_parsing import parse_bundle
from domain.settings.constraints import Constraint, parse_constraint
from domain.settings.definition import Definition, incompatible, parse_setting_definition
from domain.settings.differences import Contents, Difference, Op, compared_contents, timelines
from domain.settings.entries import Entry, EntryState, Level, Standing
from domain.settings.fields import Sensitivity, check_setting_key
from domain.settings.merging import Merge, merge
from domain.settings.predicates import Image
from domain.settings.refusals import (
    DefinitionExists,
    IncompatibleDefinition,
    OutOfPolicy,
    RulesViolated,
    SettingEnforced,
)
from domain.settings.resolution import DEFAULT_LABEL, Resolution, TraceLine, TraceState, resolve
from domain.settings.rule_parsing import parse_rules
from domain.settings.rules import Rule, Violation, ViolationKind, violations
from domain.settings.scopes import Scope
from domain.settings.sealed import Sealed, shown
from domain.settings.timeline import (
    Held,
    NothingPlanned,
    Rewrite,
    ScheduleOverlaps,
    after,
    cancelled,
    inserted,
    replaced,
)
from domain.settings.values import UNSET, SettingType, Unset, json_faults, seconds_of, type_faults

__all__ = [
    "DEFAULT_LABEL",
    "MOST_VALUES",
    "UNSET",
    "Bundle",
    "Constraint",
    "Contents",
    "Definition",
    "DefinitionExists",
    "Difference",
    "Entry",
    "EntryState",
    "Held",
    "Image",
    "IncompatibleDefinition",
    "Level",
    "Line",
    "Merge",
    "NothingPlanned",
    "Op",
    "OutOfPolicy",
    "Resolution",
    "Rewrite",
    "Rule",
    "RulesViolated",
    "ScheduleOverlaps",
    "Scope",
    "Sealed",
    "Sensitivity",
    "SettingEnforced",
    "SettingType",
    "Standing",
    "TraceLine",
    "TraceState",
    "Unset",
    "Violation",
    "ViolationKind",
    "after",
    "cancelled",
    "check_setting_key",
    "compared_contents",
    "incompatible",
    "inserted",
    "json_faults",
    "lines_of",
    "merge",
    "parse_bundle",
    "parse_constraint",
    "parse_rules",
    "parse_setting_definition",
    "replaced",
    "resolve",
    "seconds_of",
    "shown",
    "timelines",
    "travels",
    "type_faults",
    "violations",
]
