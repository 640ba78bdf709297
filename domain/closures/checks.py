"""What must hold before a period is closed, judged from the facts of its frozen books."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from domain.canonical import Json, digest_of
from domain.closures.amounts import told
from domain.closures.chronology import open_subledgers
from domain.closures.controls import AccountKind, Balance, Control, Item, summed
from domain.closures.refusals import CheckHolds, NotWaivable, SodViolation
from domain.closures.signoffs import Signer
from domain.closures.states import Mode
from domain.closures.tasks import ClosureTask, TaskKind, TaskState, needed
from domain.periods import PeriodGate, Scope

MOST_SHOWN = 100


class Severity(StrEnum):
    """Critical is never waived; an error is, with a reason and by somebody else; a warning is acknowledged."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class CheckResult:
    """`measured` is what was found, in JSON."""

    check: str
    severity: Severity
    ok: bool
    measured: Json
    waived_by: UUID | None = None
    waiver_reason: str | None = None
    acknowledged_by: UUID | None = None

    @property
    def blocks(self) -> bool:
        if self.ok or (self.severity is Severity.ERROR and self.waived_by):
            return False
        return not (self.severity is Severity.WARNING and self.acknowledged_by)

    def waived(self, by: UUID, reason: str, barred: Iterable[UUID]) -> "CheckResult":
        """By none of the `barred`: who asked for the close and who did a part of it.

        Raises NotWaivable, CheckHolds, SodViolation, Invalid.
        """
        if self.severity is Severity.CRITICAL:
            raise NotWaivable(check=self.check)
        if self.ok:
            raise CheckHolds(check=self.check)
        if by in set(barred):
            raise SodViolation(check=self.check, rule="who asked for the close or prepared it does not waive")
        return replace(self, waived_by=by, waiver_reason=needed(reason))

    def acknowledged(self, by: UUID) -> "CheckResult":
        """Raises NotWaivable for what is more than a warning, CheckHolds."""
        if self.severity is not Severity.WARNING:
            raise NotWaivable(check=self.check)
        if self.ok:
            raise CheckHolds(check=self.check)
        return replace(self, acknowledged_by=by)

    def to_json(self) -> Json:
        return {
            "check": self.check,
            "severity": self.severity.value,
            "ok": self.ok,
            "measured": self.measured,
            "waived_by": str(self.waived_by) if self.waived_by else None,
            "waiver_reason": self.waiver_reason,
            "acknowledged_by": str(self.acknowledged_by) if self.acknowledged_by else None,
        }

    @staticmethod
    def of_json(raw: Json) -> "CheckResult":
        waived, acknowledged = raw.get("waived_by"), raw.get("acknowledged_by")
        return CheckResult(
            raw["check"],
            Severity(raw["severity"]),
            raw["ok"],
            raw["measured"],
            UUID(waived) if waived else None,
            raw.get("waiver_reason"),
            UUID(acknowledged) if acknowledged else None,
        )


@dataclass(frozen=True)
class Frozen:
    """The facts of a period whose gates admit no ordinary posting; what is not known of a module is not there.

    `scopes` are all that the tenant has, `closing` the codes of those to be closed, `gates` those of this period that
    have a row; `earliest_open` names, by sequential scope, the first earlier period that is not closed.
    """

    scopes: tuple[Scope, ...]
    closing: tuple[str, ...]
    gates: tuple[PeriodGate, ...]
    controls: tuple[Control, ...] = ()
    unposted: Mapping[str, tuple[Item, ...]] = field(default_factory=dict)
    untransferred: Mapping[str, tuple[Item, ...]] = field(default_factory=dict)
    balances: Mapping[str, tuple[Balance, ...]] = field(default_factory=dict)
    earliest_open: Mapping[str, str] = field(default_factory=dict)
    tasks: tuple[ClosureTask, ...] = ()
    exclusions: tuple[str, ...] = ()
    mode: Mode = Mode.HARD

    @property
    def ledgers(self) -> frozenset[str]:
        """The codes of the general ledgers among what is to be closed."""
        return frozenset(each.code for each in self.scopes if each.ledger) & set(self.closing)


_Found = tuple[bool, Json]


def results_of(facts: Frozen) -> list[CheckResult]:
    """Every check, in the order in which they are told."""
    return [CheckResult(name, severity, *judge(facts)) for name, (severity, judge) in CHECKS.items()]


def blockers(results: Iterable[CheckResult]) -> list[CheckResult]:
    return [each for each in results if each.blocks]


def kept_decisions(before: Iterable[CheckResult], now: Iterable[CheckResult]) -> list[CheckResult]:
    """A waiver or an acknowledgement stays while what was measured stays the same."""
    known = {each.check: each for each in before}
    return [_with_decision(known.get(each.check), each) for each in now]


def snapshot_of(facts: Frozen, results: Iterable[CheckResult]) -> str:
    """The digest of what was checked: when it is another, what was approved is not what would be closed."""
    epochs = {each.key.scope: each.epoch for each in facts.gates if each.key.scope in facts.closing}
    return digest_of(
        {
            "epochs": epochs,
            "controls": [each.to_json() for each in sorted(facts.controls, key=lambda each: each.module)],
            "checks": [{"check": each.check, "ok": each.ok, "measured": each.measured} for each in results],
            "exclusions": sorted(facts.exclusions),
        }
    )


def _with_decision(before: CheckResult | None, now: CheckResult) -> CheckResult:
    if before is None or (before.ok, before.measured) != (now.ok, now.measured):
        return now
    return before


def _unposted(facts: Frozen) -> _Found:
    return _none_of(facts.unposted)


def _untransferred(facts: Frozen) -> _Found:
    return _none_of(facts.untransferred)


def _none_of(items: Mapping[str, tuple[Item, ...]]) -> _Found:
    found = {module: each for module, each in sorted(items.items()) if each}
    told_of = {
        module: {"count": len(each), "entries": [item.to_json() for item in each[:MOST_SHOWN]]}
        for module, each in found.items()
    }
    return not found, told_of


def _subledgers_open(facts: Frozen) -> _Found:
    found = open_subledgers(facts.scopes, facts.closing, facts.gates, facts.mode)
    return not found, found


def _trial_balance(facts: Frozen) -> _Found:
    found = {
        each.module: {sum_.currency: told(sum_.difference) for sum_ in each.totals if sum_.difference}
        for each in facts.controls
        if each.scope in facts.ledgers
    }
    off = {module: differences for module, differences in sorted(found.items()) if differences}
    return not off, off


def _chronology(facts: Frozen) -> _Found:
    found = {scope: code for scope, code in sorted(facts.earliest_open.items()) if scope in facts.closing}
    return not found, found


def _reconciliations(facts: Frozen) -> _Found:
    """Each is certified: signed for what is there now, reviewed where it has a reviewer, and without a difference."""
    asked = [each for each in facts.tasks if each.plan.kind is TaskKind.RECONCILIATION]
    measured = [_certified(each) for each in sorted(asked, key=lambda each: each.plan.key)]
    return all(each["certified"] for each in measured), measured


def _certified(task: ClosureTask) -> dict[str, Json]:
    prepared = next((each for each in reversed(task.live) if each.role is Signer.PREPARER), None)
    difference = prepared.difference if prepared else None
    return {
        "task": task.plan.key,
        "state": task.state.value,
        "basis": prepared.basis if prepared else None,
        "difference": None if difference is None else told(difference),
        "certified": task.state is TaskState.DONE and difference == Decimal(0),
    }


def _tasks(facts: Frozen) -> _Found:
    """Each is over; what was waived is told, so that whoever approves knows it and the certificate has it."""
    tasks = sorted(facts.tasks, key=lambda each: each.plan.key)
    still = [each.plan.key for each in tasks if not each.settled]
    waived = [
        {"task": each.plan.key, "by": str(each.waived_by), "why": each.remark}
        for each in tasks
        if each.state is TaskState.WAIVED
    ]
    return not still, {"open": still, "waived": waived}


def _suspense(facts: Frozen) -> _Found:
    held = [each for found in facts.balances.values() for each in found if each.kind is AccountKind.SUSPENSE]
    by_account = summed(((each.account, each.currency), each.balance) for each in held)
    found = [
        {"account": account, "currency": currency, "balance": told(balance)}
        for (account, currency), balance in by_account.items()
        if balance
    ]
    return not found, found


def _exclusions(facts: Frozen) -> _Found:
    return not facts.exclusions, sorted(facts.exclusions)


CHECKS: dict[str, tuple[Severity, Callable[[Frozen], _Found]]] = {
    "unposted": (Severity.ERROR, _unposted),
    "untransferred": (Severity.ERROR, _untransferred),
    "subledgers-open": (Severity.CRITICAL, _subledgers_open),
    "trial-balance": (Severity.CRITICAL, _trial_balance),
    "chronology": (Severity.CRITICAL, _chronology),
    "tasks": (Severity.CRITICAL, _tasks),
    "reconciliations": (Severity.ERROR, _reconciliations),
    "suspense": (Severity.ERROR, _suspense),
    "exclusions": (Severity.WARNING, _exclusions),
}
"""Drafts, differences and unmatched accounts may be known and accepted; a ledger out of balance or of order may not."""
