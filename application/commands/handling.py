"""What executes a type of command: a function or a method that says so where it is written."""

import inspect
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol, TypeAlias, TypeVar
from uuid import UUID

from application.commands.sending import Sent
from application.sagas.starting import Started
from domain.canonical import Json
from domain.commands import Command, CommandRecord, CommandType, name_of
from domain.commands.answers import OWN
from domain.commands.outcomes import HandlerKind
from domain.commands.policies import TypePolicy
from domain.errors import Conflict, Fault, Invalid
from domain.sagas import Wish

_MARK = "__handles__"

Upcast: TypeAlias = Callable[[Json], Json]
Stepping = TypeVar("Stepping", bound=Callable[..., Json])
Written = TypeVar("Written", bound=Callable[..., Awaitable[Json]])


class Send(Protocol):
    """Sends commands in the course of another; sent again they are the same."""

    async def __call__(self, *commands: Command) -> list[Sent]: ...


class Tell(Protocol):
    """Says how far an execution has come; ValueError for what is no JSON, or longer than 4096 bytes."""

    async def __call__(self, said: Json = None) -> None: ...


async def untold(said: Json = None) -> None:
    """What is executed with others is over before anybody looks."""


class Start(Protocol):
    """Starts a process in the course of a command; started again it is the same."""

    async def __call__(self, wish: Wish) -> Started: ...


async def unstarted(wish: Wish) -> Started:
    """For an order that nobody executes."""
    raise RuntimeError(f"nobody starts {wish.type} here")


class HandlerTwice(Conflict):
    """Two handlers take the same type of command."""

    kind = "handler-twice"


class PayloadModel(Protocol):
    """What a pydantic model answers about itself."""

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]: ...
    @classmethod
    def model_validate(cls, obj: Any) -> Any:
        """ValueError, whose `errors()` have a `loc` and a `msg`."""
        ...


@dataclass(frozen=True)
class Terms:
    """What a handler takes, and on which terms."""

    command: str
    version: int
    model: type[PayloadModel]
    kind: HandlerKind
    policy: TypePolicy = field(default_factory=TypePolicy)


@dataclass(frozen=True)
class Step:
    """From which version of a type a function brings payloads to the next."""

    command: str
    version: int


@dataclass(frozen=True)
class Order:
    """One execution, as its handler sees it. Another system is given `idempotency_key`: it says what is the same."""

    tenant: UUID
    command: Command
    epoch: int
    attempt: int
    sent_at: datetime
    sender: UUID | None
    send: Send = field(repr=False, compare=False)
    """Commands that follow from this one: sent with what a transactional handler writes, or at once."""
    progress: Tell = field(default=untold, repr=False, compare=False)
    """For what has a workflow of its own: kept, shown, and a sign that its handler lives."""
    reached: Json = None
    """What was told last by the attempt before, also of an earlier epoch: it may go on from there."""
    start: Start = field(default=unstarted, repr=False, compare=False)
    """Processes that follow from this one, as `send` is for commands; in the name of whoever sent it."""

    @classmethod
    def of(cls, record: CommandRecord, send: Send, start: Start) -> "Order":
        return cls(
            record.tenant, record.executed, record.epoch, record.attempt, record.sent_at, record.sender, send,
            start=start,
        )  # fmt: skip

    @property
    def idempotency_key(self) -> str:
        return f"{name_of(self.command.key)}:{self.epoch}"


@dataclass(frozen=True)
class Handler:
    """`call` takes an order and its payload, and where it is transactional the connection as well.

    `steps` bring a payload of an older version to the one that it takes.
    """

    terms: Terms
    call: Callable[..., Awaitable[Json]]
    steps: tuple[Upcast, ...] = ()

    @property
    def policy(self) -> TypePolicy:
        return self.terms.policy

    @property
    def transactional(self) -> bool:
        return self.terms.kind is HandlerKind.TRANSACTIONAL

    def read(self, payload: Json) -> Any:
        """The payload in the words of the model; Invalid with pointers, which never show a value."""
        try:
            for step in self.steps:
                payload = step(payload)
            return self.terms.model.model_validate(payload)
        except (KeyError, TypeError):
            raise Invalid([Fault("/payload", "what older versions of it held")]) from None
        except ValueError as error:
            raise Invalid(list(_faults(error))) from None


def handles(
    command: str, model: type[Any], kind: HandlerKind, *, version: int = 1, policy: TypePolicy | None = None
) -> Callable[[Written], Written]:
    """Marks `async def (order, payload)`, or `(order, payload, connection)` of a transactional one.

    ValueError for an external one that posts.
    """
    terms = Terms(command, version, model, kind, policy or TypePolicy())
    if terms.policy.posts is not None and kind is not HandlerKind.TRANSACTIONAL:
        raise ValueError("a period stays open only for what is posted in the same transaction")

    def marked(written: Written) -> Written:
        setattr(written, _MARK, terms)
        return written

    return marked


def upcasts(command: str, *, version: int) -> Callable[[Stepping], Stepping]:
    """Marks `def (payload)`, which gives a payload of this version as the next one has it."""

    def marked(written: Stepping) -> Stepping:
        setattr(written, _MARK, Step(command, version))
        return written

    return marked


class Handlers:
    """Of every source, which is a marked function or an object with marked methods; HandlerTwice."""

    def __init__(self, *sources: object) -> None:
        self._found: dict[tuple[str, int], Handler] = {}
        self._steps: dict[tuple[str, int], Upcast] = {}
        for mark, call in (each for source in sources for each in _marked(source)):
            place = mark.command, mark.version
            if place in (self._found if isinstance(mark, Terms) else self._steps):
                raise HandlerTwice(type=place[0], version=place[1])
            if isinstance(mark, Terms):
                self._found[place] = Handler(mark, call)
            else:
                self._steps[place] = call

    def find(self, command: Command) -> Handler | None:
        """Of its version, or of the first one after it to which its payload can be brought."""
        steps, version = [], command.schema_version
        while (handler := self._found.get((command.type, version))) is None:
            step = self._steps.get((command.type, version))
            if step is None:
                return None
            steps.append(step)
            version += 1
        return replace(handler, steps=tuple(steps)) if steps else handler

    @property
    def domains(self) -> list[str]:
        return sorted({name.partition(".")[0] for name, _ in self._found})

    @property
    def alone(self) -> frozenset[str]:
        """The types whose commands have a workflow of their own."""
        return frozenset(name for (name, _), each in self._found.items() if each.policy.alone)

    def call_others(self, domain: str) -> bool:
        """Some of those whose commands are leased together are external."""
        of_domain = (each for (name, _), each in self._found.items() if name.startswith(f"{domain}."))
        return any(not each.transactional and not each.policy.alone for each in of_domain)

    def bounds(self, domain: str) -> dict[str, TypePolicy]:
        """Of its types whose newest handler says how much of them is executed, or on what they depend."""
        newest = {name: each.policy for (name, _), each in sorted(self._found.items(), key=lambda it: it[0])}
        return {name: each for name, each in newest.items() if each.bounded and name.startswith(f"{domain}.")}

    def types(self) -> list[CommandType]:
        """What may be sent; nobody sends the product's own."""
        return [each for each in self.known() if each.domain != OWN]

    def known(self) -> list[CommandType]:
        return [
            CommandType(name, version, each.terms.model.model_json_schema(), each.policy.to_json())
            for (name, version), each in sorted(self._found.items(), key=lambda it: it[0])
        ]


def _marked(source: object) -> Iterator[tuple[Terms | Step, Callable[..., Any]]]:
    """Attributes are looked at, not asked for: a property may have effects."""
    if isinstance(mark := getattr(source, _MARK, None), Terms | Step) and callable(source):
        yield mark, source
        return
    for name in dir(source):
        mark = getattr(inspect.getattr_static(source, name, None), _MARK, None)
        if isinstance(mark, Terms | Step):
            yield mark, getattr(source, name)


def _faults(error: ValueError) -> Iterator[Fault]:
    told = getattr(error, "errors", None)
    for each in told(include_input=False, include_url=False, include_context=False) if told else [{}]:
        path = "".join(f"/{part}" for part in each.get("loc", ()))
        yield Fault(f"/payload{path}", str(each.get("msg", "not what the handler takes")))
