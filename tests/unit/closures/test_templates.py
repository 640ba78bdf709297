from decimal import Decimal
from typing import Any

import pytest

from domain.closures import DependencyCycle, SodViolation, TaskKind, parse_template
from domain.errors import Invalid
from tests.unit.closures.tasks import ADA, BOB


def raw(key: str, *after: str, **given: Any) -> dict[str, Any]:
    return {"key": key, "name": key, "owner": str(ADA), "after": list(after), **given}


def faults(template: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        parse_template(template)
    return {fault.path: fault.message for fault in refused.value.faults}


class TestTemplate:
    def test_is_read_back_as_it_is_told(self) -> None:
        whole = raw(
            "bank",
            "cut-off",
            kind="reconciliation",
            reviewer=str(BOB),
            effort_hours="1.5",
            due_offset_days=3,
            instructions="Statement against account 1800.",
            needs_evidence=True,
        )
        checks = raw("balance", kind="check", check="trial-balance")
        template = parse_template({"code": "month-end", "version": 3, "tasks": [whole, raw("cut-off"), checks]})
        assert parse_template(template.to_json()) == template
        bank = template.tasks[0]
        assert (bank.kind, bank.effort_hours, bank.after) == (TaskKind.RECONCILIATION, Decimal("1.5"), ("cut-off",))

    @pytest.mark.req("FP50")
    def test_names_the_circle_at_its_places(self) -> None:
        tasks = [raw("a", "c"), raw("b", "x", "a"), raw("c", "b"), raw("x")]
        with pytest.raises(DependencyCycle) as refused:
            parse_template({"code": "m", "tasks": tasks})
        assert refused.value.facts == {"cycle": ["a", "c", "b"]}
        assert {fault.path: fault.message for fault in refused.value.faults} == {
            "/tasks/0/after/0": "no circle: a -> c -> b -> a",
            "/tasks/1/after/1": "no circle: a -> c -> b -> a",
            "/tasks/2/after/0": "no circle: a -> c -> b -> a",
        }

    @pytest.mark.req("FP50")
    def test_knows_a_task_that_waits_for_itself(self) -> None:
        with pytest.raises(DependencyCycle) as refused:
            parse_template({"code": "m", "tasks": [raw("a", "a")]})
        assert refused.value.facts == {"cycle": ["a"]}

    @pytest.mark.req("FP51")
    def test_lets_nobody_review_themself(self) -> None:
        with pytest.raises(SodViolation) as refused:
            parse_template({"code": "m", "tasks": [raw("a", reviewer=str(ADA)), raw("b", reviewer=str(BOB))]})
        assert refused.value.facts["tasks"] == ["a"]

    def test_is_refused_with_everything_that_is_wrong(self) -> None:
        wrong = {
            "key": "Bank!", "name": "", "kind": "magic", "owner": "ada", "reviewer": 7, "after": ["nobody"],
            "effort_hours": 0.5, "due_offset_days": -1, "check": "trial-balance", "mood": "good",
        }  # fmt: skip
        assert set(faults({"code": "", "tasks": [wrong, raw("b"), raw("b")], "colour": "red"})) == {
            "/code", "/colour", "/tasks/0/key", "/tasks/0/name", "/tasks/0/kind", "/tasks/0/owner", "/tasks/0/reviewer",
            "/tasks/0/after/0", "/tasks/0/effort_hours", "/tasks/0/due_offset_days", "/tasks/0/check", "/tasks/0/mood",
            "/tasks/2/key",
        }  # fmt: skip

    def test_has_tasks_that_are_objects(self) -> None:
        assert faults({"code": "m", "tasks": [7, raw("b")]}) == {"/tasks/0": "a task is an object"}
        assert faults({"code": "m"}) == {"/tasks": "a list of at most 200 tasks"}
        assert faults([]) == {"": "a template is an object"}

    def test_has_a_check_that_is_known_where_a_task_runs_one(self) -> None:
        for unknown in ("horoscope", "tasks", None):
            wrong = raw("a", kind="check", check=unknown)
            assert set(faults({"code": "m", "tasks": [wrong]})) == {"/tasks/0/check"}
