import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.canonical import canonical_bytes
from domain.closures import (
    Approved,
    Certificate,
    ChainBroken,
    Entry,
    Mode,
    PostedSince,
    check_chain,
    delta_of,
    results_of,
)
from tests.unit.closures.facts import control, euros, frozen
from tests.unit.closures.tasks import BOB, CYD, NOON, RUN

GOLDEN = Path(__file__).parent / "certificate.json"
APPROVALS = (Approved(BOB, 1, NOON, "sha256:seen"), Approved(CYD, 2, NOON, "sha256:seen"))


def certificate(**given: Any) -> Certificate:
    made = Certificate(
        1, RUN, "de", "2024-03", ("AP", "AR", "GL"), Mode.HARD, NOON, {"AP": 5, "AR": 5, "GL": 5},
        frozen().controls, tuple(results_of(frozen())), APPROVALS,
    )  # fmt: skip
    return replace(made, **given)


class TestCertificate:
    def test_has_the_bytes_that_it_always_had(self) -> None:
        """What was certified years ago must have its digest then as now: the file is never written anew."""
        assert canonical_bytes(certificate().to_json()).decode() == GOLDEN.read_text(encoding="utf-8").rstrip("\n")

    @given(st.permutations(range(9)), st.permutations(["AP", "AR", "GL"]))
    def test_does_not_depend_on_the_order_of_its_parts(self, places: Sequence[int], scopes: Sequence[str]) -> None:
        first = certificate()
        turned = certificate(
            scopes=tuple(scopes),
            epochs={scope: first.epochs[scope] for scope in scopes},
            controls=tuple(reversed(first.controls)),
            checks=tuple(first.checks[place] for place in places),
            approvals=tuple(reversed(first.approvals)),
        )
        assert turned.digest == first.digest

    def test_does_not_depend_on_how_an_amount_or_an_instant_is_written(self) -> None:
        there = NOON.astimezone(timezone(timedelta(hours=9)))
        controls = (control("ledger", "GL", euros("100", "100.000")), control("payables", "AP"))
        assert certificate(closed_at=there, controls=controls).digest == certificate().digest

    @pytest.mark.parametrize(
        "given_",
        [{"number": 2}, {"epochs": {"GL": 6}}, {"previous": "sha256:other"}, {"exclusions": ("payroll",)}],
    )
    def test_is_another_with_other_facts(self, given_: dict[str, Any]) -> None:
        assert certificate(**given_).digest != certificate().digest

    def test_is_read_back_from_what_is_stored(self) -> None:
        whole = certificate(number=2, previous="sha256:one", delta=[], retained_earnings={"EUR": "12.5"})
        read = Certificate.of_json(json.loads(json.dumps(whole.to_json())))
        assert read.digest == whole.digest
        assert Certificate.of_json(read.to_json()) == read


class TestChain:
    def chain(self) -> list[Certificate]:
        first = certificate()
        second = certificate(number=2, previous=first.digest, delta=[])
        return [first, second, certificate(number=3, previous=second.digest, delta=[])]

    def test_holds_from_the_first_on(self) -> None:
        check_chain([])
        check_chain(self.chain())

    @pytest.mark.parametrize(
        ("place", "changed"),
        [
            (0, {"closed_at": NOON + timedelta(seconds=1)}),
            (0, {"number": 2}),
            (1, {"number": 3}),
            (1, {"previous": "sha256:0"}),
            (2, {"period": "2024-04"}),
        ],
    )
    def test_breaks_where_anything_was_changed(self, place: int, changed: dict[str, Any]) -> None:
        chain = self.chain()
        chain[place] = replace(chain[place], **changed)
        with pytest.raises(ChainBroken):
            check_chain(chain)

    def test_breaks_where_one_was_taken_out(self) -> None:
        first, _, third = self.chain()
        with pytest.raises(ChainBroken) as refused:
            check_chain([first, third])
        assert refused.value.facts == {"number": 3}


class TestDelta:
    def test_says_what_was_posted_since(self) -> None:
        before = (control(), control("payables", "AP"))
        now = (control(entries=14, high_water="e-14", totals=(euros("150", "150.00"),)), control("payables", "AP"))
        assert delta_of(before, now) == [
            {
                "module": "ledger",
                "entries": 2,
                "totals": [{"currency": "EUR", "debit": "50", "credit": "50"}],
                "high_water": {"from": "e-12", "to": "e-14"},
            }
        ]

    def test_lists_entries_of_modules_that_can_tell(self) -> None:
        entry = Entry("e-13", date(2024, 3, 30), {"EUR": Decimal("50.00")})
        before, now = (control("a"), control("b")), (control("a", entries=13), control("b", entries=13))
        first, second = delta_of(before, now, {"a": PostedSince(1, (entry,))})
        assert first["posted"] == {
            "count": 1,
            "entries": [{"id": "e-13", "date": "2024-03-30", "amounts": [{"currency": "EUR", "amount": "50"}]}],
        }
        assert "posted" not in second

    @pytest.mark.parametrize(("count", "listed"), [(0, 1), (200, 101)])
    def test_lists_no_more_than_were_counted_and_no_more_than_a_hundred(self, count: int, listed: int) -> None:
        entry = Entry("e", date(2024, 3, 30), {})
        with pytest.raises(ValueError, match="at most 100"):
            PostedSince(count, (entry,) * listed)

    def test_counts_backwards_what_was_taken_away(self) -> None:
        assert delta_of([control()], [control(entries=11, totals=())]) == [
            {
                "module": "ledger",
                "entries": -1,
                "totals": [{"currency": "EUR", "debit": "-100", "credit": "-100"}],
                "high_water": {"from": "e-12", "to": "e-12"},
            }
        ]

    def test_has_modules_that_came_or_went(self) -> None:
        assert [(each["module"], each["entries"]) for each in delta_of([control("a")], [control("b")])] == [
            ("a", -12),
            ("b", 12),
        ]

    def test_of_the_same_is_nothing(self) -> None:
        assert delta_of(frozen().controls, frozen().controls) == []
