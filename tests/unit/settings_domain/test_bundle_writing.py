"""A bundle written piece by piece is the one written whole, and its text is strict JSON."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.bookkeeping import Bookkeeping, KeptCalendar, KeptYear
from domain.calendars import fiscal_year, parse_rule
from domain.canonical import canonical_bytes
from domain.environments import Environment
from domain.flags import SHARED_RULES
from domain.settings import (
    UNSIGNED,
    Bundle,
    BundleWriter,
    Definition,
    EntryState,
    Line,
    NotJson,
    Scope,
    Section,
    SettingType,
    Signature,
    parse_bundle,
    read_bundle_text,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
FLAG = {"state": "ENABLED", "variants": {"on": True}, "defaultVariant": "on"}
RULE = parse_rule({"kind": "gregorian", "adjusting_periods": 1})
BOOKS = Bookkeeping(
    {"de": {"code": "de", "name": "Acme", "time_zone": "UTC", "parent": None, "country": None, "subdivision": None}},
    {"books": KeptCalendar("books", None, ({"from_year": 1900, "rule": RULE.to_json(), "short_periods": "irs"},),
                           (KeptYear(1, fiscal_year(RULE, 2024)), KeptYear(1, fiscal_year(RULE, 2025))))},
    {"de": {"entity": "de", "calendar": {"code": "books", "entity": None}, "late_entries": "sweep", "most_open": 2,
            "opens_itself": True}},
    {"AP": {"code": "AP", "name": "Payables", "ledger": False, "sequential": True}},
)  # fmt: skip
SIGNED = Signature("key", "A" * 86)

definitions = st.sets(st.sampled_from(["a", "b.c", "d_e"])).map(
    lambda keys: tuple(Definition(key, SettingType.INTEGER, scopes=("company",)) for key in sorted(keys))
)
lines = st.sets(st.tuples(st.sampled_from(["a", "b.c"]), st.sampled_from(["company:de", "company:fr"]))).map(
    lambda places: tuple(Line(key, Scope(scope), EntryState.SET, 1) for key, scope in sorted(places))
)
flags = st.sets(st.sampled_from(["A-flag", "z", SHARED_RULES])).map(
    lambda keys: {key: {"rule": True} if key == SHARED_RULES else FLAG for key in keys}
)


def written(bundle: Bundle, signature: Signature | None = None) -> tuple[bytes, str]:
    writer = BundleWriter(bundle.tenant, bundle.environment, bundle.books or Bookkeeping())
    told = bundle.flags or {}
    text = b"".join(writer.item(Section.DEFINITIONS, each.to_json()) for each in bundle.definitions)
    if SHARED_RULES in told:
        text += writer.item(Section.EVALUATORS, told[SHARED_RULES])
    for key in sorted(told.keys() - {SHARED_RULES}):
        text += writer.item(Section.FLAGS, {"key": key, "definition": told[key]})
    text += b"".join(writer.item(Section.VALUES, line.to_json()) for line in bundle.lines)
    text += writer.end()
    return text + writer.seal(NOW, signature), writer.checksum


@pytest.mark.req("FR-SM-030")
class TestWriter:
    @settings(max_examples=60)
    @given(definitions=definitions, lines=lines, flags=flags)
    def test_writes_the_same_bundle_as_it_would_be_whole(self, definitions: Any, lines: Any, flags: Any) -> None:
        bundle = Bundle("acme", Environment.DEV, definitions, lines, flags, books=BOOKS)
        text, checksum = written(bundle, SIGNED)
        raw = json.loads(text)
        whole = bundle.to_json()
        content = {name: raw[name] for name in raw.keys() - UNSIGNED}
        assert content == {name: whole[name] for name in whole.keys() - UNSIGNED}
        assert text.startswith(canonical_bytes(content)[:-1])
        assert checksum == raw["checksum"] == whole["checksum"]
        read = parse_bundle(raw)
        assert (read.checksum, read.signature, read.flags or {}, read.books) == (
            checksum, SIGNED, {SHARED_RULES: {}, **flags}, BOOKS,
        )  # fmt: skip


@pytest.mark.req("FR-SM-031", "ST82")
class TestText:
    def test_is_read(self) -> None:
        assert read_bundle_text('{"a": [1, 2.5, "ü", null]}'.encode()) == {"a": [1, 2.5, "ü", None]}

    @pytest.mark.parametrize(
        "text",
        [b"", b"{", b'{"a": 1, "a": 2}', b'{"a": {"b": 1, "b": 1}}', b"NaN", b"[-Infinity]", b"\xff", b"[" * 100_000,
         b'"\\u0000"', b"1" * 5000],
        ids=lambda text: repr(text[:12]),
    )  # fmt: skip
    def test_of_another_kind_is_refused(self, text: bytes) -> None:
        with pytest.raises(NotJson):
            read_bundle_text(text)
