"""A process is declared in code: which commands it sends, one after the other, and which of them undo what was done."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeAlias, TypeVar

from application.commands.handling import PayloadModel
from domain.canonical import Json
from domain.commands import Options
from domain.errors import Conflict
from domain.sagas import ProcessType, Saga
from domain.sagas.starting import STEP, type_fits

_MARK: Final = "__process__"
MOST_STEPS: Final = 50


class ProcessTwice(Conflict):
    """Two functions declare the same type of process."""

    kind = "process-twice"


class ProcessUnknown(Exception):
    """This worker has no process of that type and version: another one has, or a release that is to come."""


@dataclass(frozen=True)
class Instruction:
    """What a command says; its id, its correlation and its cause come from the process."""

    type: str
    payload: Json
    schema_version: int = 1
    options: Options = field(default_factory=Options)


Results: TypeAlias = Mapping[str, Json]
"""What the commands of the steps that are done have given, by the names of these steps."""
Instruct: TypeAlias = Callable[[Results], Instruction]


@dataclass(frozen=True)
class Planned:
    """A step: what does it, and what undoes it where it can be undone. ValueError.

    What is not begun `within` that time is not done any more, and neither is what waits for a person then.
    """

    name: str
    do: Instruct
    undo: Instruct | None = None
    within: timedelta | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(STEP, self.name):
            raise ValueError("the name of a step is of up to 24 small letters, digits and hyphens")
        if self.within is not None and self.within <= timedelta(0):
            raise ValueError("a step that has a limit has some time")


Plan: TypeAlias = Callable[..., Sequence[Planned]]
Written = TypeVar("Written", bound=Plan)


@dataclass(frozen=True)
class Declared:
    """`plan` gives the same steps each time that it is asked about the same data."""

    name: str
    version: int
    model: type[PayloadModel]
    plan: Plan = field(default=lambda _: (), compare=False)

    def steps(self, data: Json) -> list[Planned]:
        """In their order. ValueError where data or steps are not as they must be."""
        steps = list(self.plan(self.model.model_validate(data)))
        names = {each.name for each in steps}
        if len(names) < len(steps) or len(steps) > MOST_STEPS:
            raise ValueError(f"at most {MOST_STEPS} steps, each of a name of its own")
        return steps


def process(name: str, model: type[Any], *, version: int = 1) -> Callable[[Written], Written]:
    """Marks `def (data)`, which gives the steps of a process of this type. ValueError for a name that cannot be one."""
    if not type_fits(name):
        raise ValueError("a process is called by a domain and a verb, as ledger.move-cash")

    def marked(written: Written) -> Written:
        setattr(written, _MARK, Declared(name, version, model, written))
        return written

    return marked


class ProcessBook:
    """Of every source, which is a marked function or an object with marked methods; ProcessTwice."""

    def __init__(self, *sources: object) -> None:
        self._found: dict[tuple[str, int], Declared] = {}
        for each in (found for source in sources for found in _marked(source)):
            place = each.name, each.version
            if place in self._found:
                raise ProcessTwice(type=each.name, version=each.version)
            self._found[place] = each

    @property
    def domains(self) -> list[str]:
        return sorted({name.partition(".")[0] for name, _ in self._found})

    def types(self) -> list[ProcessType]:
        return [
            ProcessType(name, version, each.model.model_json_schema())
            for (name, version), each in sorted(self._found.items())
        ]

    def of(self, saga: Saga) -> Declared:
        """Raises ProcessUnknown."""
        found = self._found.get((saga.type, saga.schema_version))
        if found is None:
            raise ProcessUnknown(saga.type, saga.schema_version)
        return found


def _marked(source: object) -> Iterator[Declared]:
    """Attributes are looked at, not asked for: a property may have effects."""
    if isinstance(mark := getattr(source, _MARK, None), Declared) and callable(source):
        yield mark
        return
    for name in dir(source):
        mark = getattr(inspect.getattr_static(source, name, None), _MARK, None)
        if isinstance(mark, Declared):
            yield Declared(mark.name, mark.version, mark.model, getattr(source, name))
