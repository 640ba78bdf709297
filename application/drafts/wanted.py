"""One of the targets that a proposal asks for."""

from dataclasses import dataclass

from domain.canonical import Json
from domain.changes import Kind
from domain.errors import Fault, Invalid


@dataclass(frozen=True)
class Wanted:
    """`content` is a definition, or what a scope is to say of a setting; `pointer` is where it stands in the request.

    Without a base version a value goes over whichever is there.
    """

    kind: Kind
    key: str
    content: Json
    base_version: int | None
    pointer: str

    @property
    def place(self) -> tuple[Kind, str]:
        """What no other target of the change may be about."""
        return self.kind, f"{self.content.get('scope', '')}#{self.key}" if self.kind is Kind.SETTING else self.key

    @property
    def body(self) -> str:
        """Where its content stands in the request."""
        if self.kind is Kind.SETTING:
            return self.pointer
        return f"{self.pointer}/definition" if self.pointer else "/content"


def under(pointer: str, refusal: Invalid) -> list[Fault]:
    """Its faults, each below the pointer."""
    return [Fault(pointer + fault.path, fault.message) for fault in refusal.faults]
