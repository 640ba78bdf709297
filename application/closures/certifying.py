"""A certificate is made in the transaction that closes the gates, and says what stood behind them at that moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from application.closures.delta import delta_since
from application.closures.facts import controls_of
from application.periods.places import PeriodPlace
from application.ports.store import Transaction
from domain.closures import (
    Approved,
    Certificate,
    CheckResult,
    ClosureRun,
    Control,
    Mode,
    told,
    total,
)
from domain.periods import GateKey


@dataclass(frozen=True)
class Cut:
    """What stood behind the gates: by scope the epoch at which each was shut, and by currency what a year earned."""

    epochs: Mapping[str, int]
    controls: tuple[Control, ...]
    checks: tuple[CheckResult, ...]
    exclusions: tuple[str, ...]
    earned: Mapping[str, str]


async def certificate_of(tx: Transaction, run: ClosureRun, cut: Cut) -> Certificate:
    """The next link of the chain of its period."""
    chain = await tx.closures.certificates(run.entity, run.period)
    last = chain[-1] if chain else None
    return Certificate(
        number=len(chain) + 1,
        run=run.id,
        entity=run.entity,
        period=run.period_code,
        scopes=run.scopes,
        mode=run.mode,
        closed_at=tx.now,
        epochs=cut.epochs,
        controls=cut.controls,
        checks=cut.checks,
        approvals=await _approved(tx, run),
        exclusions=cut.exclusions,
        previous=last.digest if last else None,
        delta=await delta_since(tx, last, run.period, cut.controls) if last else None,
        retained_earnings=cut.earned,
    )


async def year_closed(
    tx: Transaction, run: ClosureRun, place: PeriodPlace, keys: list[GateKey]
) -> tuple[dict[str, str], list[Control]]:
    """The ledgers post their closing entries, let in by a token that this transaction alone has; with what stands then.

    By currency what was earned in the year. Nothing is posted unless the run closes a year.
    """
    if run.mode is not Mode.YEAR_END:
        return {}, await controls_of(tx, place, run.scopes, run.id)
    ledgers = {scope.code for scope in await tx.books.scopes() if scope.ledger} & set(run.scopes)
    token = await tx.periods.put_token(run.id, [key for key in keys if key.scope in ledgers])
    amounts: dict[str, list[Decimal]] = {}
    for journal in await tx.modules.journals():
        if journal.scope in ledgers:
            done = await tx.modules.close_year(journal.module, run.entity, run.period, token, run.requester)
            for currency, earned in done.retained_earnings.items():
                amounts.setdefault(currency, []).append(earned)
    await tx.periods.drop_token(token)
    earned_told = {currency: told(total(each)) for currency, each in sorted(amounts.items())}
    return earned_told, await controls_of(tx, place, run.scopes, run.id)


async def _approved(tx: Transaction, run: ClosureRun) -> tuple[Approved, ...]:
    votes = await tx.approvals.votes(run.approval) if run.approval else []
    return tuple(
        Approved(vote.ballot.voter, vote.ballot.level + 1, vote.voted_at, vote.ballot.digest)
        for vote in votes
        if vote.dropped is None
    )
