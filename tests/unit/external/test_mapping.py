import json
import re
from pathlib import Path
from typing import Any

import pytest

from application.external.mapping import ENDED, FIELDS, Ask, Said, parsed_mapping, resolved
from domain.approvals import Answer
from domain.errors import Invalid
from tests.outside import Jira, ServiceNow

FIELDS_OF_ONE = {name: f"<{name}>" for name in FIELDS}
GOOD: dict[str, Any] = {
    "create": {
        "path": "/t",
        "body": {"title": "Approve $title", "cost": "5 $$", "nested": [{"id": "$ticket"}], "n": 1},
        "key": "/id",
    },
    "poll": {"path": "/t/$key?of=$ticket", "state": "/status/name", "reason": "/why"},
    "callback": {"ticket": "/ticket", "digest": "/digest", "state": "/state"},
    "approved": ["Done", "7"],
    "rejected": ["Declined"],
}


def faults(**changed: Any) -> list[str]:
    raw = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    with pytest.raises(Invalid) as refused:
        parsed_mapping(raw)
    return sorted(fault.path for fault in refused.value.faults)


class TestMapping:
    def test_fills_fields_into_texts_and_nothing_else(self) -> None:
        ask = parsed_mapping(GOOD).create({**FIELDS_OF_ONE, "title": '","x":"'})
        assert (ask.method, ask.path) == ("POST", "/t")
        assert ask.body == {"title": 'Approve ","x":"', "cost": "5 $", "nested": [{"id": "<ticket>"}], "n": 1}
        assert json.loads(json.dumps(ask.body)) == ask.body

    def test_quotes_what_it_fills_into_a_path(self) -> None:
        ask = parsed_mapping(GOOD).poll({**FIELDS_OF_ONE, "ticket": "a/../b&c=d"}, "K 1?")
        assert ask.path == "/t/K%201%3F?of=a%2F..%2Fb%26c%3Dd"

    def test_reads_states_as_the_tenant_says(self) -> None:
        asking = parsed_mapping(GOOD)
        assert asking.polled({"status": {"name": "Done"}, "why": "ok"}) == Said(Answer.APPROVE, "ok")
        assert asking.polled({"status": {"name": "Declined"}}) == Said(Answer.REJECT)
        assert asking.heard({"state": 7}) == Said(Answer.APPROVE)
        nothing: list[Any] = [
            {"status": {"name": "done"}},
            {"status": "Done"},
            {},
            [],
            None,
            {"status": {"name": True}},
        ]
        for undecided in nothing:
            assert asking.polled(undecided) == Said(None)

    def test_says_for_which_ticket_and_content_a_callback_is(self) -> None:
        asking = parsed_mapping(GOOD)
        assert asking.bound({"ticket": "t", "digest": "d"}) == ("t", "d")
        assert asking.bound({"ticket": ["t"]}) == (None, None)

    def test_ends_what_ended_where_it_says_how(self) -> None:
        close = {"method": "PUT", "path": "/t/$key", "body": {"why": "$outcome"}}
        ask = parsed_mapping({**GOOD, "close": close}).close(FIELDS_OF_ONE, "K 1", "expired")
        assert ask == Ask("PUT", "/t/K%201", {"why": "expired"})
        assert parsed_mapping(GOOD).close(FIELDS_OF_ONE, "K 1", "expired") is None

    def test_is_looked_at_once_a_minute_unless_it_says_otherwise(self) -> None:
        assert parsed_mapping(GOOD).every == 60
        assert parsed_mapping({**GOOD, "poll": {**GOOD["poll"], "every_seconds": 10}}).every == 10
        silent = parsed_mapping({name: part for name, part in GOOD.items() if name != "poll"})
        assert (silent.polls, silent.every) == (False, 3600)


class TestFaults:
    @pytest.mark.parametrize(
        ("changed", "paths"),
        [
            ({"create": None}, ["/mapping/create"]),
            ({"poll": None, "callback": None}, ["/mapping"]),
            ({"more": 1}, ["/mapping/more"]),
            ({"create": []}, ["/mapping/create"]),
            ({"create": {"path": "/t", "body": {}, "key": "/id", "x": 1}}, ["/mapping/create/x"]),
            ({"create": {"path": "t", "body": {}, "key": "id"}}, ["/mapping/create/key", "/mapping/create/path"]),
            ({"create": {"path": "/t", "body": ["$what"], "key": "/id"}}, ["/mapping/create/body"]),
            ({"create": {"path": "/t", "body": "5 $", "key": "/id"}}, ["/mapping/create/body"]),
            ({"create": {"path": "/$key", "body": {}, "key": "/id"}}, ["/mapping/create/path"]),
            ({"poll": {"path": "/t", "state": "/s", "every_seconds": 1}}, ["/mapping/poll/every_seconds"]),
            ({"poll": {"path": "/t", "state": "/s", "every_seconds": True}}, ["/mapping/poll/every_seconds"]),
            ({"poll": {"path": "/t/$summary", "state": "/s"}}, ["/mapping/poll/path"]),
            ({"callback": {"ticket": "/t", "state": "/s"}}, ["/mapping/callback/digest"]),
            ({"close": {"path": "/t/$key"}}, ["/mapping/close/body"]),
            ({"close": {"path": "/t/$key", "body": "$summary"}}, ["/mapping/close/body"]),
            ({"close": {"path": "/t/$key", "body": "$outcome", "method": "DELETE"}}, ["/mapping/close/method"]),
            ({"close": {"path": "/t/$key", "body": "$outcome", "method": ["POST"]}}, ["/mapping/close/method"]),
            ({"approved": []}, ["/mapping/approved"]),
            ({"rejected": [1]}, ["/mapping/rejected"]),
            ({"rejected": ["Done"]}, ["/mapping/rejected"]),
            ({"approved": ["x" * 20_000]}, ["/mapping"]),
        ],
    )
    def test_are_named_one_by_one(self, changed: dict[str, Any], paths: list[str]) -> None:
        assert faults(**changed) == paths

    @pytest.mark.parametrize("raw", [None, [], "x"])
    def test_what_is_no_object_is_none(self, raw: Any) -> None:
        with pytest.raises(Invalid):
            parsed_mapping(raw)


class TestPointers:
    @pytest.mark.parametrize(
        ("pointer", "found"),
        [("/a/0/b", 1), ("/a/1", None), ("/a/x", None), ("/m~1n/~0", 2), ("/none", None), ("/a/0/b/c", None), ("", {})],
    )
    def test_find_what_stands_there(self, pointer: str, found: Any) -> None:
        document = {"a": [{"b": 1}], "m/n": {"~": 2}}
        assert resolved(document, pointer) == (found if pointer else document)


class TestHowTo:
    def test_shows_mappings_that_hold(self) -> None:
        text = (Path(__file__).parents[3] / "docs" / "howto" / "messages-and-tickets.md").read_text()
        shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
        assert shown == [ServiceNow.MAPPING, Jira.MAPPING]
        assert all(parsed_mapping(each) for each in shown)
        assert set(re.findall(r"`\$([a-z]+)`", text)) == FIELDS | ENDED
