"""Before a switch the smoke tests of a blue-green deployment are asked, and only a yes from each of them is a yes."""

import asyncio
import json
from dataclasses import dataclass, replace

from application.ports.egress import AddressRefused, CallFailed, Egress
from application.ports.records import AuditFilter
from application.ports.store import Store, Transaction
from application.previewing import Previewing
from application.progression import Step, locked
from application.recording import record
from domain.audit import Action
from domain.canonical import Json
from domain.gates import Verdict
from domain.rollouts import Rollout, StaleGeneration, State

HEADER = "Changegate-Preview"
ALREADY = {State.RUNNING, State.PAUSED}


@dataclass(frozen=True)
class SmokeWish:
    """`left` in seconds is what remains of the time that all attempts have together."""

    step: Step
    attempt: int
    left: float


@dataclass(frozen=True)
class SmokeAnswer:
    """FAIL is a no, PROVIDER_ERROR that there was no answer; neither is ever a success."""

    verdict: Verdict
    sentence: str


class Smoking:
    def __init__(self, store: Store, egress: Egress, previewing: Previewing) -> None:
        self._store = store
        self._egress = egress
        self._previewing = previewing

    async def smoke(self, wish: SmokeWish) -> SmokeAnswer:
        """Ask them all, and write down what they said; what they look at is what they hold the token for."""
        async with self._store.transaction(wish.step.tenant) as tx:
            rollout = await locked(tx, wish.step.rollout)
            _check(rollout)
            if said := await _said(tx, wish.step):
                return said
        green = rollout.plan.blue_green
        urls = green.smoke if green else ()
        try:
            async with asyncio.timeout(wish.left):
                answers = await asyncio.gather(*(self._asked(url, rollout, wish.attempt) for url in urls))
        except TimeoutError:
            answers = [
                {"url": url, "verdict": Verdict.PROVIDER_ERROR.value, "why": "no answer in time"} for url in urls
            ]
        answer = _judged(answers)
        async with self._store.transaction(wish.step.tenant) as tx:
            rollout = await locked(tx, wish.step.rollout)
            _check(rollout)
            await tx.rollouts.save(replace(rollout, verdict=answer.verdict))
            await record(
                tx, Action.SMOKE_TESTED, ("rollout", rollout.id), change=rollout.change, at=wish.step.at,
                after={
                    "step": wish.step.name, "attempt": wish.attempt, "verdict": answer.verdict.value,
                    "sentence": answer.sentence, "answers": answers,
                },
            )  # fmt: skip
        return answer

    async def _asked(self, url: str, rollout: Rollout, attempt: int) -> Json:
        token = self._previewing.signed(rollout, rollout.requester).token
        said = {"rollout": str(rollout.id), "environment": rollout.environment.value, "attempt": attempt}
        headers = {HEADER: token, "Content-Type": "application/json"}
        try:
            response = await self._egress.request("POST", url, headers=headers, body=json.dumps(said).encode())
        except (CallFailed, AddressRefused) as refusal:
            why = str(refusal.facts.get("reason", refusal.kind))
            return {"url": url, "verdict": Verdict.PROVIDER_ERROR.value, "why": why}
        passed = 200 <= response.status < 300  # noqa: PLR2004 -- the range of statuses that say yes
        verdict = Verdict.PASS if passed else Verdict.FAIL
        return {"url": url, "verdict": verdict.value, "why": f"status {response.status}"}


async def _said(tx: Transaction, step: Step) -> SmokeAnswer | None:
    """What this very attempt said, if its answer was written down and then lost on the way."""
    rows = await tx.audit.page(AuditFilter(action=Action.SMOKE_TESTED, change=step.rollout), None, 100)
    told = next((row.event["after"] for row in rows if row.event["after"]["step"] == step.name), None)
    return SmokeAnswer(Verdict(told["verdict"]), told["sentence"]) if told else None


def _check(rollout: Rollout) -> None:
    if rollout.state not in ALREADY or rollout.live_version != rollout.base_version:
        raise StaleGeneration(state=rollout.state.value, stage=rollout.stage)


def _judged(answers: list[Json]) -> SmokeAnswer:
    for verdict in (Verdict.FAIL, Verdict.PROVIDER_ERROR):
        found = [each for each in answers if each["verdict"] == verdict.value]
        if found:
            told = "; ".join(f"{each['url']}: {each['why']}" for each in found)
            return SmokeAnswer(verdict, f"{len(found)} of {len(answers)} smoke tests did not pass: {told}"[:1000])
    return SmokeAnswer(Verdict.PASS, f"{len(answers)} smoke tests passed")
