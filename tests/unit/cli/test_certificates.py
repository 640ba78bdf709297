"""Certificates are checked in the terminal itself: an API that alters one and calls it intact is found out."""

from typing import Any

import pytest

from cli.certificates import _code, _print, forged
from domain.canonical import digest_of

ENTRY = {"id": "e-4", "date": "2025-01-30", "amounts": [{"currency": "EUR", "amount": "7.5"}]}
MOVED = {
    "module": "ledger-ap", "entries": 2, "totals": [], "high_water": {"from": "3", "to": "5"},
    "posted": {"count": 2, "entries": [ENTRY]},
}  # fmt: skip


def chain(length: int) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for number in range(1, length + 1):
        said = {
            "number": number, "previous": made[-1]["digest"] if made else None, "mode": "hard", "scopes": ["AP"],
            "closed_at": "2025-02-03T10:00:00Z",
            "controls": [{"module": "ledger-ap", "entries": 3,
                          "totals": [{"currency": "EUR", "debit": "10.00", "credit": "10.00"}]}],
        }  # fmt: skip
        made.append({"digest": digest_of(said), "certificate": said})
    return made


def told(items: list[dict[str, Any]], **given: Any) -> dict[str, Any]:
    return {"intact": True, "broken_at": None, "since": [], "items": items, **given}


class TestForged:
    def test_a_whole_chain_is_not(self) -> None:
        assert [forged(chain(length)) for length in (0, 1, 3)] == [None, None, None]

    def test_is_one_whose_words_were_altered(self) -> None:
        items = chain(3)
        items[1]["certificate"]["closed_at"] = "2025-02-02T10:00:00Z"
        assert forged(items) == 2

    def test_is_one_that_was_altered_with_its_digest(self) -> None:
        items = chain(3)
        items[0]["certificate"]["scopes"] = []
        items[0]["digest"] = digest_of(items[0]["certificate"])
        assert forged(items) == 2

    def test_is_what_follows_a_gap(self) -> None:
        items = chain(3)
        assert forged([items[0], items[2]]) == 2
        assert forged(items[1:]) == 1


class TestCode:
    def test_says_what_was_found(self) -> None:
        altered = chain(2)
        altered[0]["certificate"]["closed_at"] = "2025-02-02T10:00:00Z"
        found = {
            "none": told([]),
            "whole": told(chain(2)),
            "altered": told(altered),
            "unknown to the trail": told(chain(2), intact=False, broken_at=2),
            "moved": told(chain(2), since=[MOVED]),
        }
        assert {name: _code(each, verified=True) for name, each in found.items()} == {
            "none": 1, "whole": 0, "altered": 2, "unknown to the trail": 2, "moved": 3,
        }  # fmt: skip
        assert _code(told(altered), verified=False) == 0

    def test_words_say_the_same(self, capsys: pytest.CaptureFixture[str]) -> None:
        _print("acme 2025-01", told(chain(1), since=[MOVED]), verified=True)
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "acme 2025-01  certificate 1  hard close of AP"
        assert lines[2] == "  ledger-ap                   3 entries  EUR 10.00 / 10.00"
        assert lines[-4:] == [
            "  the books have moved since:",
            "    ledger-ap          +2 entries",
            "      2025-01-30  EUR 7.5  (e-4)",
            "      and 1 more",
        ]
