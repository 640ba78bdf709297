import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from domain.environments import Environment
from domain.errors import Invalid
from domain.events import (
    MOST_ATTEMPTS,
    PAUSES,
    Event,
    EventType,
    Subject,
    Subscription,
    Wants,
    check_wants,
    new_event_id,
)

DEV, QA = Environment.DEV, Environment.QA
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
URL = "https://receiver.example/x"


def event(**given: Any) -> Event:
    facts: dict[str, Any] = {
        "id": uuid4(), "type": EventType.SETTING_CHANGED, "tenant": uuid4(), "environment": DEV,
        "subject": Subject("billing.currency", "company:de", 3), "at": AT,
    }  # fmt: skip
    return Event(**{**facts, **given})


def subscription(**wants: Any) -> Subscription:
    return Subscription(uuid4(), 1, Wants(URL, **wants), "sealed", uuid4(), AT)


class TestEvent:
    def test_says_where_to_look_and_nothing_else(self) -> None:
        told = event(actor=UUID(int=1), change=UUID(int=2), position=4, epoch=9).to_json()
        assert set(told) == {
            "id",
            "type",
            "tenant",
            "environment",
            "subject",
            "at",
            "actor",
            "change",
            "epoch",
            "facts",
        }
        assert told["subject"] == {"key": "billing.currency", "scope": "company:de", "version": 3}
        assert json.loads(json.dumps(told)) == told

    def test_concerns_an_environment_and_keys_that_begin_so(self) -> None:
        assert event().concerns(DEV, "billing.")
        assert event().concerns(None, "")
        assert not event().concerns(QA, "billing.")
        assert not event().concerns(DEV, "mail.")

    def test_of_every_environment_or_of_no_key_concerns_all(self) -> None:
        assert event(environment=None).concerns(QA, "billing.")
        assert event(subject=Subject()).concerns(DEV, "mail.")

    def test_has_an_id_that_tells_when(self) -> None:
        ids = [new_event_id(AT + timedelta(milliseconds=number)) for number in range(50)]
        assert ids == sorted(ids)
        assert {each.version for each in ids} == {7}
        assert len({new_event_id(AT) for _ in range(1000)}) == 1000


class TestSubscription:
    def test_without_wishes_takes_everything(self) -> None:
        assert all(subscription().takes(event(type=kind)) for kind in EventType)

    @pytest.mark.parametrize(
        "wants",
        [
            {"types": (EventType.SETTING_DEFINED,)},
            {"environments": (QA,)},
            {"prefix": "mail."},
            {"enabled": False},
        ],
    )
    def test_takes_only_what_it_wants(self, wants: dict[str, Any]) -> None:
        assert not subscription(**wants).takes(event())

    def test_takes_what_fits_one_of_its_environments(self) -> None:
        assert subscription(environments=(QA, DEV), prefix="billing", types=(EventType.SETTING_CHANGED,)).takes(event())

    def test_tells_the_trail_no_more_than_the_host(self) -> None:
        told = Wants("https://receiver.example:8443/T0/secret?token=x").to_json()
        assert told["host"] == "https://receiver.example"
        assert "secret" not in json.dumps(told)


class TestWants:
    @pytest.mark.parametrize(
        ("wants", "path"),
        [
            (Wants("ftp://x.example"), "/url"),
            (Wants("https://"), "/url"),
            (Wants("https://x.example:0x/"), "/url"),
            (Wants("https://x.example:99999/"), "/url"),
            (Wants("https://u@x.example/"), "/url"),
            (Wants("https://x.example/ y"), "/url"),
            (Wants("https://x.example/\n"), "/url"),
            (Wants("https://x.example/" + "a" * 2000), "/url"),
            (Wants("https://[::1/"), "/url"),
            (Wants(URL, prefix="a" * 201), "/prefix"),
            (Wants(URL, types=(EventType.WEBHOOK_TESTED,)), "/types"),
        ],
    )
    def test_that_no_webhook_has_are_refused(self, wants: Wants, path: str) -> None:
        with pytest.raises(Invalid) as refused:
            check_wants(wants)
        assert [fault.path for fault in refused.value.faults] == [path]

    def test_of_an_ordinary_webhook_are_taken(self) -> None:
        check_wants(Wants(URL + "?token=x", tuple(EventType)[:3], (DEV,), "billing."))


class TestPause:
    def test_grows_to_two_hours_and_gives_a_receiver_a_night(self) -> None:
        assert len(PAUSES) == MOST_ATTEMPTS - 1
        assert list(PAUSES) == sorted(PAUSES)
        assert (PAUSES[0], PAUSES[-1]) == (5, 2 * 60 * 60)
        assert sum(PAUSES) > 8 * 60 * 60
