"""A place is where PostgreSQL answers behind a front, by an address of its own."""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from tests.integration.postgres.encrypting import Front

LOGIN = "known_by_password"
PASSWORD = "p/w?d#@: %1+é"
"""Nothing but characters that mean something in an address."""


@dataclass(frozen=True)
class Place:
    """A front, and a superuser's login behind it."""

    front: Front

    def url(self, host: str = "127.0.0.1", **words: object) -> str:
        query = urlencode({name: str(value) for name, value in words.items()})
        return f"postgresql://{LOGIN}:{quote(PASSWORD, safe='')}@{host}:{self.front.port}/postgres?{query}"

    @property
    def untold(self) -> bool:
        return not self.front.encrypted and not self.front.plain
