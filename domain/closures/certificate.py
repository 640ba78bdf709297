"""A certificate is the frozen proof of a cut-off, and names the certificate that it supersedes by its digest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from types import MappingProxyType
from typing import Any
from uuid import UUID

from domain.canonical import Json, digest_of
from domain.closures.amounts import less, told
from domain.closures.checks import CheckResult
from domain.closures.controls import Control, PostedSince, Total
from domain.closures.refusals import ChainBroken
from domain.closures.states import Mode

FORMAT = 1


@dataclass(frozen=True)
class Approved:
    """Who said yes, at which level; the digest is of what they saw."""

    who: UUID
    level: int
    at: datetime
    digest: str

    def to_json(self) -> Json:
        return {"who": str(self.who), "level": self.level, "at": _told(self.at), "digest": self.digest}


@dataclass(frozen=True)
class Certificate:
    """`version` is that of this form, `number` the place in the chain, `period` a code, `epochs` those of the gates.

    `delta` says by module what was posted since the certificate before; None on the first one.
    """

    number: int
    run: UUID
    entity: str
    period: str
    scopes: tuple[str, ...]
    mode: Mode
    closed_at: datetime
    epochs: Mapping[str, int]
    controls: tuple[Control, ...]
    checks: tuple[CheckResult, ...] = ()
    approvals: tuple[Approved, ...] = ()
    exclusions: tuple[str, ...] = ()
    previous: str | None = None
    delta: Json = None
    retained_earnings: Mapping[str, str] = field(default_factory=dict)
    version: int = FORMAT

    @property
    def digest(self) -> str:
        return digest_of(self.to_json())

    def to_json(self) -> Json:
        """In one order, whatever the order in which it was gathered; the same facts have the same digest."""
        return {
            "version": self.version,
            "number": self.number,
            "run": str(self.run),
            "entity": self.entity,
            "period": self.period,
            "scopes": sorted(self.scopes),
            "mode": self.mode.value,
            "closed_at": _told(self.closed_at),
            "epochs": dict(sorted(self.epochs.items())),
            "controls": [each.to_json() for each in sorted(self.controls, key=_name)],
            "checks": [each.to_json() for each in sorted(self.checks, key=lambda each: each.check)],
            "approvals": [each.to_json() for each in sorted(self.approvals, key=lambda each: (each.level, each.at))],
            "exclusions": sorted(self.exclusions),
            "previous": self.previous,
            "delta": self.delta,
            "retained_earnings": dict(sorted(self.retained_earnings.items())),
        }

    @staticmethod
    def of_json(raw: Json) -> "Certificate":
        """Back from what `to_json` gave."""
        plain = {name: raw[name] for name in ("number", "entity", "period", "epochs", "previous", "delta", "version")}
        read: dict[str, Any] = {
            "run": UUID(raw["run"]),
            "scopes": tuple(raw["scopes"]),
            "mode": Mode(raw["mode"]),
            "closed_at": datetime.fromisoformat(raw["closed_at"]),
            "controls": tuple(Control.of_json(each) for each in raw["controls"]),
            "checks": tuple(CheckResult.of_json(each) for each in raw["checks"]),
            "approvals": tuple(_approved(each) for each in raw["approvals"]),
            "exclusions": tuple(raw["exclusions"]),
            "retained_earnings": raw["retained_earnings"],
        }
        return Certificate(**plain, **read)


def delta_of(
    before: Sequence[Control], now: Sequence[Control], listed: Mapping[str, PostedSince] = MappingProxyType({})
) -> Json:
    """By module, what was posted since: entries, totals, and both ends; modules of which nothing changed are left out.

    An entry that was cancelled counts backwards. `listed` are the entries themselves, of modules that can tell.
    """
    old = {each.module: each for each in before}
    new = {each.module: each for each in now}
    modules = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return [
        {**_moved(name, old.get(name), new.get(name)), **({"posted": listed[name].to_json()} if name in listed else {})}
        for name in modules
    ]


def check_chain(certificates: Sequence[Certificate]) -> None:
    """Oldest first, each of the same period; ChainBroken at the first that does not continue the one before."""
    if certificates and (certificates[0].number, certificates[0].previous) != (1, None):
        raise ChainBroken(number=certificates[0].number)
    for one, after in pairwise(certificates):
        same = (one.entity, one.period) == (after.entity, after.period)
        if not same or after.number != one.number + 1 or after.previous != one.digest:
            raise ChainBroken(number=after.number)


def _moved(module: str, old: Control | None, new: Control | None) -> Json:
    before = {each.currency: each for each in old.totals} if old else {}
    after = {each.currency: each for each in new.totals} if new else {}
    return {
        "module": module,
        "entries": (new.entries if new else 0) - (old.entries if old else 0),
        "totals": [
            _difference(currency, before.get(currency), after.get(currency))
            for currency in sorted(before.keys() | after.keys())
            if before.get(currency) != after.get(currency)
        ],
        "high_water": {"from": old and old.high_water, "to": new and new.high_water},
    }


def _difference(currency: str, old: Total | None, new: Total | None) -> Json:
    nothing = Total(currency, Decimal(0), Decimal(0))
    before, after = old or nothing, new or nothing
    moved = {"debit": less(after.debit, before.debit), "credit": less(after.credit, before.credit)}
    return {"currency": currency, **{side: told(each) for side, each in moved.items()}}


def _approved(raw: Json) -> Approved:
    return Approved(UUID(raw["who"]), int(raw["level"]), datetime.fromisoformat(raw["at"]), raw["digest"])


def _name(control: Control) -> tuple[str, str]:
    return control.module, control.scope


def _told(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
