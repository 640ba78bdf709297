"""Whatever happens to deployments, each step of them is in the trail once, is told once, and is exported alike."""

import csv
import io
from collections import Counter
from datetime import datetime
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant

from api.export import Form, exported
from api.schemas.audit import COLUMNS
from application.auditing import Auditing
from application.ports.records import AuditFilter
from domain.audit import leaf_of
from domain.canonical import canonical_bytes
from domain.events import EventType
from tests.unit.application import test_invariants
from tests.world import at_once


class Trail(test_invariants.Rollouts):
    """The same stories, looked at from the trail."""

    @invariant()
    def every_step_is_told_once(self) -> None:
        rows = self.store._rows[self.world.tenant.id]
        steps = {(str(line.rollout), line.seq): line for lines in rows.transitions.values() for line in lines}
        told = [row.event for row in rows.told.values() if row.event.type is EventType.DEPLOYMENT_MOVED]
        facts: list[Any] = [event.facts for event in told]
        assert Counter((each["deployment"], each["seq"]) for each in facts) == Counter(dict.fromkeys(steps, 1))
        for event, each in zip(told, facts, strict=True):
            line = steps[each["deployment"], each["seq"]]
            assert (each["to"], each["cause"], each["stage"]) == (line.to_state.value, line.cause, line.stage)
            assert (each["exposure"], event.actor) == (line.percent, line.actor)

    @invariant()
    def every_step_names_who_took_it(self) -> None:
        for course in self.all:
            moved = at_once(self.world.events("rollout:state:moved", resource=str(course.rollout)))
            actors = {each.event["after"]["step"]: each.event["actor"] for each in moved}
            lines = at_once(self.world.timeline(course.rollout))
            assert actors == {line.step: str(line.actor) if line.actor else None for line in lines}

    def teardown(self) -> None:
        """Row by row the table says what the lines say."""
        at_once(self._compared())

    async def _compared(self) -> None:
        auditing = Auditing(self.store)
        texts = {}
        for form in Form:
            rows = await auditing.export(self.world.aud, AuditFilter(until=self.clock.now), form.value)
            texts[form] = b"".join([chunk async for chunk in exported(rows, form)]).decode()
        table = list(csv.DictReader(io.StringIO(texts[Form.CSV], newline="")))
        lines = [orjson.loads(line) for line in texts[Form.JSONL].splitlines()]
        assert [_shown(line) for line in lines] == [_bare(row) for row in table]
        for line in lines:
            assert line["leaf"] == leaf_of(canonical_bytes(line["event"])).hex()


def _shown(line: dict[str, Any]) -> dict[str, str]:
    known = {**line["event"], "recorded_at": line["recorded_at"], "leaf": line["leaf"]}
    return _timed({name: _text(known.get(name)) for name in COLUMNS})


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _bare(row: dict[str, str]) -> dict[str, str]:
    """Without the apostrophe that keeps a spreadsheet from calculating."""
    return _timed({name: value[1:] if value[:1] == "'" else value for name, value in row.items()})


def _timed(row: dict[str, str]) -> dict[str, str]:
    """The same instant is written as Z or as an offset."""
    return row | {name: datetime.fromisoformat(row[name]).isoformat() for name in ("occurred_at", "recorded_at")}


TestTrail = pytest.mark.req("S89")(Trail.TestCase)
TestTrail.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
