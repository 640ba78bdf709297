"""A config is named by its environment and its key, and by an id that stays the same for ever."""

import base64
import binascii
from dataclasses import dataclass
from typing import Self

from application.settings.versions import Spot
from domain.environments import Environment
from domain.errors import Invalid, Missing
from domain.settings import Scope, check_setting_key

ROOT = Scope()


@dataclass(frozen=True, order=True)
class ConfigName:
    environment: Environment
    key: str

    @property
    def id(self) -> str:
        """`environment:key` in base64url without padding; nobody but us takes it apart."""
        return base64.urlsafe_b64encode(f"{self.environment.value}:{self.key}".encode()).rstrip(b"=").decode()

    @classmethod
    def of(cls, id_: str) -> Self:
        """The name that has this id; Missing where none has it."""
        try:
            padded = id_.encode("ascii") + b"=" * (-len(id_) % 4)
            environment, _, key = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii").partition(":")
            name = cls(Environment(environment), check_setting_key(key))
        except (ValueError, binascii.Error, Invalid):
            raise Missing(kind_of_thing="config", id=id_) from None
        if name.id != id_:
            raise Missing(kind_of_thing="config", id=id_)
        return name

    @property
    def spot(self) -> Spot:
        return Spot(self.environment, self.key, ROOT)

    @property
    def missing(self) -> Missing:
        return Missing(kind_of_thing="config", id=self.id)
