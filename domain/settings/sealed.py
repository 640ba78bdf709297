"""A secret is stored sealed, and shown as the fingerprint by which people can tell two of them apart."""

from dataclasses import dataclass
from typing import Self

from domain.canonical import Json

_SEALED, _SHOWN = "$sealed", "$secret"


@dataclass(frozen=True)
class Sealed:
    """`at` is the version at which it was sealed, to which the seal is bound; what goes on after keeps it."""

    text: str
    fingerprint: str
    at: int

    def to_json(self) -> Json:
        return {_SEALED: self.text, "fingerprint": self.fingerprint, "at": self.at}

    @classmethod
    def of(cls, value: Json) -> Self | None:
        """None for what is no sealed secret."""
        if not isinstance(value, dict) or value.keys() != {_SEALED, "fingerprint", "at"}:
            return None
        return cls(value[_SEALED], value["fingerprint"], value["at"])


def shown(value: Json) -> Json:
    """The value as people and the trail may see it: of a secret, at any depth, its fingerprint."""
    if sealed := Sealed.of(value):
        return {_SHOWN: sealed.fingerprint}
    if isinstance(value, dict):
        return {name: shown(inner) for name, inner in value.items()}
    return [shown(inner) for inner in value] if isinstance(value, list) else value
