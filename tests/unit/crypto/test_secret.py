import copy
import json
import logging
import pickle
from dataclasses import asdict, dataclass
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.logs import hide_secrets
from application.ports.secrets import MASK, Place, Secret
from domain.environments import Environment

CANARY = "canary-77aa"


@dataclass
class Mail:
    password: Secret


@pytest.mark.req("ST80", "AU-21")
class TestSecret:
    @pytest.mark.parametrize("show", [str, repr, format, "{:>40}".format, "%s".__mod__, "%r".__mod__, ascii])
    def test_no_way_of_printing_it_shows_it(self, show: object) -> None:
        assert callable(show)
        assert show(Secret(CANARY)).strip() == MASK

    def test_what_holds_it_shows_the_mask(self) -> None:
        assert str(Mail(Secret(CANARY))) == f"Mail(password={MASK})"
        assert f"{[Secret(CANARY)]} { ({'value': Secret(CANARY)}) }" == f"[{MASK}] {{'value': {MASK}}}"

    def test_a_log_line_holds_the_mask(self, caplog: pytest.LogCaptureFixture) -> None:
        logging.getLogger("changegate").warning("set %s", Secret(CANARY))
        assert MASK in caplog.text
        assert CANARY not in caplog.text
        line = hide_secrets(None, "info", {"value": Secret(CANARY), "fields": {"value": Secret(CANARY)}})
        assert CANARY not in orjson.dumps(line, default=str).decode()

    @pytest.mark.parametrize("write", [json.dumps, orjson.dumps, pickle.dumps])
    def test_it_is_not_written(self, write: object) -> None:
        assert callable(write)
        with pytest.raises((TypeError, orjson.JSONEncodeError)) as refused:
            write({"value": Secret(CANARY)})
        assert CANARY not in str(refused.value)

    def test_a_copy_is_itself(self) -> None:
        secret = Secret(CANARY)
        assert copy.copy(secret) is copy.deepcopy(secret) is secret
        assert asdict(Mail(secret)) == {"password": secret}

    @given(st.text(st.characters(exclude_categories=())), st.text(st.characters(exclude_categories=())))
    def test_it_is_equal_to_the_same_text_only(self, one: str, other: str) -> None:
        assert (Secret(one) == Secret(other)) is (one == other)
        assert Secret(one) == Secret(one)
        assert (Secret(one) == one) is False

    def test_it_has_no_hash(self) -> None:
        with pytest.raises(TypeError, match="unhashable"):
            hash(Secret(CANARY))


PLACES = st.builds(
    Place,
    tenant=st.uuids(),
    environment=st.sampled_from(Environment),
    key=st.text(max_size=5),
    scope=st.text(max_size=5),
    version=st.integers(0, 2**63),
)


class TestPlace:
    @given(PLACES, PLACES)
    def test_no_two_places_share_their_bytes(self, one: Place, other: Place) -> None:
        assert (one.aad() == other.aad()) is (one == other)

    def test_its_bytes_stay(self) -> None:
        place = Place(UUID(int=7), Environment.QA, "mail.password", "company:de", 2**60)
        assert place.aad() == (
            b'{"environment":"qa","key":"mail.password","scope":"company:de",'
            b'"tenant":"00000000-0000-0000-0000-000000000007","version":"1152921504606846976"}'
        )
