"""The state of a flag's life follows from evidence alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.flags.lifecycle import (
    Cause,
    Evidence,
    Given,
    Heard,
    Lifecycle,
    Scan,
    against_removal,
    archived,
    is_archived,
    standing,
    unarchived,
)

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
AUTHORED: dict[str, Any] = {"state": "ENABLED", "variants": FLAG["variants"], "authoring": {"serve": "off"}}
TARGETED = {**FLAG, "targeting": {"if": [{"var": "beta"}, "on"]}}


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def given(variant: str, first: float, last: float) -> Given:
    return Given(variant, ago(first), ago(last))


def known(definition: dict[str, Any] | None = None, *of: Given, **more: Any) -> Evidence:
    """A flag that is 100 days old, in an environment that was heard all the time."""
    whole: dict[str, Any] = {
        "definition": definition or FLAG, "created_at": ago(100), "changed_at": ago(100), "given": of,
        "heard": Heard(ago(300), ago(0)),
    }  # fmt: skip
    return Evidence(**{**whole, **more})


def told(evidence: Evidence) -> tuple[Lifecycle, list[Cause]]:
    found = standing(evidence, NOW)
    return found.state, [each.cause for each in found.reasons]


BOTH = (given("on", 90, 0), given("off", 90, 0))
STALE, ACTIVE, NEW, LAUNCHED = Lifecycle.STALE, Lifecycle.ACTIVE, Lifecycle.NEW, Lifecycle.LAUNCHED


@pytest.mark.req("FL2")
class TestStanding:
    @pytest.mark.parametrize(
        ("evidence", "state", "causes"),
        [
            (known(FLAG, created_at=ago(6), changed_at=ago(6)), NEW, [Cause.YOUNG]),
            (known(TARGETED, *BOTH), ACTIVE, []),
            (known(archived(FLAG), heard=None), Lifecycle.ARCHIVED, []),
            (known(FLAG, heard=None), ACTIVE, [Cause.UNCOUNTED]),
            (known(FLAG), STALE, [Cause.UNUSED]),
            (known(TARGETED, given("on", 90, 31), given("off", 90, 40)), STALE, [Cause.UNUSED]),
            (known(TARGETED, given("on", 90, 29), given("off", 90, 29)), ACTIVE, []),
            (known(TARGETED, given("off", 90, 0), given("on", 90, 30)), STALE, [Cause.ONE_VARIANT]),
            (known(TARGETED, given("off", 90, 0), given("on", 90, 29)), ACTIVE, []),
            (known(FLAG, given("off", 90, 0), given("on", 90, 7)), LAUNCHED, [Cause.ONE_VARIANT]),
            (known(FLAG, given("off", 90, 0), given("on", 90, 6)), ACTIVE, []),
            (known(AUTHORED, given("off", 90, 0), given("on", 90, 7)), LAUNCHED, [Cause.ONE_VARIANT]),
            (known(FLAG, given("off", 29, 0), changed_at=ago(6)), ACTIVE, []),
            (known(FLAG, given("on", 29, 0)), ACTIVE, []),
            (known({**FLAG, "state": "DISABLED"}, given("", 29, 0)), ACTIVE, []),
            (known({**FLAG, "state": "DISABLED"}, given("", 31, 0)), STALE, [Cause.ONE_VARIANT]),
        ],
    )  # fmt: skip
    def test_it_follows_from_evidence(self, evidence: Evidence, state: Lifecycle, causes: list[Cause]) -> None:
        assert told(evidence) == (state, causes)

    def test_what_outlives_its_time_is_stale_however_it_is_used(self) -> None:
        short = {**TARGETED, "metadata": {"expectedLifetimeDays": 99}}
        assert told(known(short, *BOTH)) == (STALE, [Cause.OVERDUE])
        assert told(known({**TARGETED, "metadata": {"expectedLifetimeDays": 101}}, *BOTH))[0] is ACTIVE
        assert told(known({**AUTHORED, "authoring": {"expectedLifetimeDays": 99}}, *BOTH)) == (STALE, [Cause.OVERDUE])

    @pytest.mark.parametrize("days", [True, "5", 0, -1])
    def test_a_time_that_is_none_is_no_limit(self, days: Any) -> None:
        assert told(known({**TARGETED, "metadata": {"expectedLifetimeDays": days}}, *BOTH))[0] is ACTIVE

    def test_what_is_permanent_is_never_stale(self) -> None:
        kept = {**FLAG, "metadata": {"permanent": True, "expectedLifetimeDays": 1}}
        assert told(known(kept, given("off", 90, 0)))[0] is ACTIVE

    def test_the_silence_of_all_is_no_evidence_against_one(self) -> None:
        """Nobody was heard after it was evaluated last, so nothing says that it is not used."""
        assert (
            told(known(TARGETED, given("on", 90, 80), given("off", 90, 81), heard=Heard(ago(90), ago(80))))[0] is ACTIVE
        )
        assert told(known(FLAG, heard=Heard(ago(29), ago(0))))[0] is ACTIVE

    def test_a_reason_says_what_it_is_about(self) -> None:
        (reason,) = standing(known(FLAG, given("off", 90, 0)), NOW).reasons
        assert reason.text == "only off was given from 2026-04-01 to 2026-06-30"


@pytest.mark.req("FL2")
class TestRemoval:
    def causes(self, evidence: Evidence) -> list[Cause]:
        return [each.cause for each in against_removal(evidence, NOW)]

    def test_it_is_spoken_for_only_by_evidence(self) -> None:
        unused = known(FLAG, given("off", 90, 40), scans=(Scan("shop", ago(1)),))
        assert self.causes(unused) == []

    @pytest.mark.parametrize(
        ("change", "cause"),
        [
            ({"heard": None}, Cause.UNCOUNTED),
            ({"heard": Heard(ago(300), ago(20))}, Cause.EVALUATED),
            ({"given": (given("off", 90, 1),)}, Cause.EVALUATED),
            ({"scans": ()}, Cause.UNSCANNED),
            ({"scans": (Scan("shop", ago(101)),)}, Cause.UNSCANNED),
            ({"scans": (Scan("shop", ago(31)),)}, Cause.SCAN_OLD),
            ({"scans": (Scan("shop", ago(1), 2), Scan("api", ago(1)))}, Cause.REFERENCED),
        ],
    )
    def test_use_and_ignorance_speak_against_it(self, change: dict[str, Any], cause: Cause) -> None:
        whole: dict[str, Any] = {"given": (given("off", 90, 40),), "scans": (Scan("shop", ago(1)),), **change}
        of = whole.pop("given")
        assert self.causes(known(FLAG, *of, **whole)) == [cause]


class TestArchived:
    @pytest.mark.parametrize("definition", [FLAG, {**FLAG, "metadata": {"owner": "shop"}}])
    def test_it_comes_back_as_it_was(self, definition: dict[str, Any]) -> None:
        assert is_archived(archived(definition))
        assert unarchived(archived(definition)) == definition

    @pytest.mark.parametrize("definition", [FLAG, {"metadata": {"archived": "yes"}}, {"metadata": 1}, [], None])
    def test_nothing_else_is(self, definition: Any) -> None:
        assert not is_archived(definition)
