"""A flag is translated exactly, with differences that are said in words, or not at all, and then it is said why."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from domain.canonical import Json
from domain.errors import Fault, Invalid
from domain.flags.definition import check_key, parse_definition
from domain.flags.evaluators import rules_of

REBUCKETED = "the shares stay, and another hash decides who falls into which: people change places once"


class Fidelity(StrEnum):
    """How true a flag stayed."""

    EXACT = "exact"
    DIFFERENT = "different"
    UNTRANSLATED = "untranslated"


class Untranslatable(Exception):
    """What cannot be said in the language of flags here; the argument says what that is."""


@dataclass
class Remarks:
    """What people should know of one flag; `differences` are those in which it behaves otherwise."""

    differences: dict[str, None] = field(default_factory=dict)
    words: dict[str, None] = field(default_factory=dict)

    def differs(self, sentence: str) -> None:
        self.differences[sentence] = None

    def says(self, sentence: str) -> None:
        self.words[sentence] = None

    def take(self, others: "Remarks", about: str = "") -> None:
        """What is true of a part is true of the whole."""
        for sentence in others.differences:
            self.differs(about + sentence)
        for sentence in others.words:
            self.says(about + sentence)


@dataclass(frozen=True)
class FlagReport:
    """`path` is a JSON Pointer to the flag in the document that it came from."""

    key: str
    fidelity: Fidelity
    notes: tuple[str, ...]
    path: str


@dataclass(frozen=True)
class Translation:
    """`notes` are about all flags, `bucketing` splits them; `evaluators` are the shared rules that they name."""

    flags: Mapping[str, Json]
    evaluators: Mapping[str, Json]
    reports: tuple[FlagReport, ...]
    notes: tuple[str, ...] = ()
    bucketing: Json = None


@dataclass
class Translating:
    """The flags of one document, taken one after the other; `rules` grows with what they name."""

    rules: dict[str, Json] = field(default_factory=dict)
    flags: dict[str, Json] = field(default_factory=dict)
    reports: list[FlagReport] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def take(self, key: str, path: str, translate: Callable[[Remarks], Json]) -> None:
        """The definition that `translate` gives, if it is one; the report of it in any case."""
        remarks = Remarks()
        try:
            check_key(key)
            raw = translate(remarks)
            self.flags[key] = parse_definition(raw, evaluators=self.rules).canonical
        except Untranslatable as why:
            self._report(key, Fidelity.UNTRANSLATED, [str(why)], path)
        except Invalid as refusal:
            self._report(key, Fidelity.UNTRANSLATED, [_told(fault) for fault in refusal.faults[:10]], path)
        else:
            fidelity = Fidelity.DIFFERENT if remarks.differences else Fidelity.EXACT
            self._report(key, fidelity, [*remarks.differences, *remarks.words], path)

    def done(self) -> Translation:
        used = {name for flag in self.flags.values() for name in rules_of(flag)}
        evaluators = {name: rule for name, rule in sorted(self.rules.items()) if name in used}
        return Translation(self.flags, evaluators, tuple(self.reports), tuple(self.notes))

    def _report(self, key: str, fidelity: Fidelity, notes: Sequence[str], path: str) -> None:
        self.reports.append(FlagReport(key, fidelity, tuple(notes), path))


def _told(fault: Fault) -> str:
    return f"it would not be valid here: {fault.path or '/'}: {fault.message}"
