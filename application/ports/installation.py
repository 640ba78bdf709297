"""The installation, seen from the terminal: how its parts are started and how its owner acts on it."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol

from domain.people import Principal, PrincipalKind, Role

if TYPE_CHECKING:  # whoever only names an installation does not load how secrets are wrapped anew
    from application.settings.rotation import Rotation


@dataclass(frozen=True)
class Newcomer:
    """Known by `issuer` and `subject`: the embedded issuer and the handle unless said otherwise."""

    handle: str
    roles: frozenset[Role]
    kind: PrincipalKind = PrincipalKind.HUMAN
    email: str | None = None
    issuer: str | None = None
    subject: str | None = None


class Running(Protocol):
    """What runs, and where it answers; addresses carry no password."""

    @property
    def api(self) -> str: ...
    @property
    def temporal_address(self) -> str: ...
    @property
    def prometheus(self) -> str | None:
        """Where Prometheus answers; None when this machine has none."""
        ...

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences for the person who started this."""
        ...

    async def spawn(self, name: str, *command: str, **environment: str) -> None:
        """Start a program beside the servers, with our environment and this; it stops before them."""
        ...

    def port(self, name: str) -> int: ...
    async def trouble(self) -> str:
        """Returns when something died that did not come back, with the sentence to print."""
        ...


class Installation(Protocol):
    """One data folder, or servers that somebody else runs."""

    @property
    def folder(self) -> Path: ...
    @property
    def api_url(self) -> str:
        """Where the API of this installation answers while it runs."""
        ...

    @property
    def temporal_address(self) -> str:
        """host:port of the Temporal frontend of this installation."""
        ...

    @property
    def database_url(self) -> str:
        """Of the PostgreSQL of the data folder while it runs, as its owner: it holds the password."""
        ...

    def start(
        self, *, demo: bool = False, port: int | None = None, scrapes: tuple[str, ...] = ()
    ) -> AbstractAsyncContextManager[Running]:
        """Everything, migrated and ready; stopped in reverse when the block ends.

        `demo` lets the time of a workflow be moved; `scrapes` names processes whose metrics Prometheus collects.
        """
        ...

    async def work(self) -> NoReturn:
        """Become a worker, beside those that run; raises `NeverStarted` where nothing ever ran."""
        ...

    def mint(self, subject: str, ttl: timedelta) -> str:
        """An access token of the embedded issuer."""
        ...

    async def migrate(self) -> None: ...
    async def admit(self, tenant: str, name: str, people: Sequence[Newcomer], *, own: bool = False) -> list[Principal]:
        """The tenant and its people as they are known now, made where they were not there yet.

        In the database that CHANGEGATE_DATABASE_URL names; `own`, or without it, in that of the data folder.
        """
        ...

    def rotation(self) -> "AbstractAsyncContextManager[Rotation]":
        """Of the secrets in the database that `admit` would admit to, with the ring of keys that is theirs."""
        ...

    async def skip_time(self, temporal_address: str, workflow_id: str, by: timedelta) -> bool:
        """Let time pass for one workflow of the embedded Temporal; its history shows the jump."""
        ...
