"""Settings that stand at scopes: what may be said of a key, and what is in force for whoever asks."""

from domain.settings.bundle import MOST_FLAGS, MOST_VALUES, UNSIGNED, Bundle, Line, Signature, lines_of, travels
from domain.settings.bundle_drift import Drift, Move, Side, drifts
from domain.settings.bundle_parsing import parse_bundle
from domain.settings.bundle_text import NotJson, read_bundle_text
from domain.settings.bundle_writing import BundleWriter, Section
from domain.settings.constraints import Constraint, parse_constraint
from domain.settings.definition import Definition, incompatible, parse_setting_definition
from domain.settings.differences import Contents, Difference, compared_contents, timelines
from domain.settings.entries import Entry, EntryState, Level, Standing
from domain.settings.fields import Sensitivity, check_setting_key
from domain.settings.merging import Merge, merge
from domain.settings.ops import Op
from domain.settings.predicates import Image
from domain.settings.refusals import (
    CalendarBegun,
    DefinitionExists,
    IncompatibleDefinition,
    OutOfPolicy,
    RulesViolated,
    SettingEnforced,
)
from domain.settings.resolution import DEFAULT_LABEL, Resolution, TraceLine, TraceState, resolve
from domain.settings.rule_parsing import parse_rules
from domain.settings.rules import Rule, Violation, ViolationKind, keys_beside, violations
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
    "MOST_FLAGS",
    "MOST_VALUES",
    "UNSET",
    "UNSIGNED",
    "Bundle",
    "BundleWriter",
    "CalendarBegun",
    "Constraint",
    "Contents",
    "Definition",
    "DefinitionExists",
    "Difference",
    "Drift",
    "Entry",
    "EntryState",
    "Held",
    "Image",
    "IncompatibleDefinition",
    "Level",
    "Line",
    "Merge",
    "Move",
    "NotJson",
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
    "Section",
    "Sensitivity",
    "SettingEnforced",
    "SettingType",
    "Side",
    "Signature",
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
    "drifts",
    "incompatible",
    "inserted",
    "json_faults",
    "keys_beside",
    "lines_of",
    "merge",
    "parse_bundle",
    "parse_constraint",
    "parse_rules",
    "parse_setting_definition",
    "read_bundle_text",
    "replaced",
    "resolve",
    "seconds_of",
    "shown",
    "timelines",
    "travels",
    "type_faults",
    "violations",
]
