import hashlib
import json
import re
import subprocess
import sys
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.audit import Action, Event, leaf_of, with_salt

SALT = bytes(range(16))
EVENT = Event(
    UUID(int=1), UUID(int=2), datetime(2026, 3, 2, 9, 0, 0, 1, tzinfo=UTC), Action.FLAG_KILLED, "flag", "production/f",
    after={"b": 1, "a": [1.5, True, None, "größer"]}, reason="it burns",
)  # fmt: skip
texts = st.text(max_size=5).filter(lambda text: not any("\ud800" <= character <= "\udfff" for character in text))
finite = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts | finite
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))

ELSEWHERE = """
import sys
from tests.unit.audit.test_event import EVENT, SALT
from domain.audit import with_salt
sys.stdout.buffer.write(with_salt(EVENT, SALT))
"""


@pytest.mark.req("AU-20")
class TestCanonicalisation:
    @given(values)
    def test_the_same_event_has_the_same_bytes(self, value: Any) -> None:
        canon = with_salt(replace(EVENT, after=value), SALT)
        assert with_salt(replace(EVENT, after=_shuffled(value)), SALT) == canon
        assert with_salt(replace(EVENT, after=json.loads(json.dumps(value))), SALT) == canon

    def test_in_another_process_too(self) -> None:
        found = subprocess.run([sys.executable, "-c", ELSEWHERE], capture_output=True, check=True, timeout=60)
        assert found.stdout == with_salt(EVENT, SALT)

    def test_minus_zero_is_zero_and_one_is_one(self) -> None:
        for one, other in ((-0.0, 0), (1.0, 1), (1e2, 100)):
            assert with_salt(replace(EVENT, after=one), SALT) == with_salt(replace(EVENT, after=other), SALT)

    @pytest.mark.parametrize("value", [float("inf"), float("nan"), 2**53, "\ud800", {"\udfff": 1}, {1: 1}, object()])
    def test_what_json_cannot_hold_is_refused(self, value: Any) -> None:
        with pytest.raises((ValueError, TypeError)):
            with_salt(replace(EVENT, after=value), SALT)

    def test_forms_of_unicode_stay_what_they_are(self) -> None:
        composed, taken_apart = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
        assert with_salt(replace(EVENT, reason=composed), SALT) != with_salt(replace(EVENT, reason=taken_apart), SALT)

    def test_every_field_is_in_it(self) -> None:
        said = json.loads(with_salt(EVENT, SALT))
        assert said.pop("salt") == SALT.hex()
        assert said == EVENT.to_json()
        assert said["occurred_at"] == "2026-03-02T09:00:00.000001+00:00"


class TestLeaf:
    def test_is_the_hash_of_a_leaf_and_not_of_a_node(self) -> None:
        assert leaf_of(b"x") == hashlib.sha256(b"\x00x").digest()

    def test_salt_hides_what_could_be_guessed(self) -> None:
        assert leaf_of(with_salt(EVENT, SALT)) != leaf_of(with_salt(EVENT, SALT[::-1]))


class TestActions:
    def test_are_subject_object_action(self) -> None:
        assert [action for action in Action if not re.fullmatch(r"[a-z]+:[a-z]+:[a-z]+", action)] == []


def _shuffled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shuffled(value[name]) for name in reversed(value)}
    return [_shuffled(each) for each in value] if isinstance(value, list) else value
