import copy
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.canonical import Json, digest_of
from domain.environments import Environment
from domain.errors import Invalid
from domain.settings import (
    Bundle,
    Constraint,
    Contents,
    Definition,
    Entry,
    EntryState,
    Line,
    Merge,
    Op,
    Scope,
    SettingType,
    compared_contents,
    lines_of,
    parse_bundle,
    replaced,
    timelines,
)
from domain.settings.bundle import MOST_VALUES
from domain.settings.timeline import Held

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
LIMIT = Definition("limit", SettingType.INTEGER, scopes=("tenant", "company"), default=10, merge=Merge.MIN)
DARK = Definition("dark", SettingType.BOOLEAN, description="At night")
SET, UNSET = EntryState.SET, EntryState.UNSET


def line(value: Json = 1, scope: str = "", key: str = "limit", **more: Any) -> Line:
    return Line(key, Scope(scope), SET, value, **more)


def bundle(*lines: Line, definitions: tuple[Definition, ...] = (LIMIT, DARK)) -> Bundle:
    return Bundle("acme", Environment.DEV, definitions, lines)


def signed(raw: dict[str, Json], **changed: Json) -> dict[str, Json]:
    """The raw bundle with these sections instead, and a checksum that agrees."""
    content = {**raw, **changed}
    del content["checksum"]
    return {**content, "checksum": digest_of({k: v for k, v in content.items() if k != "exported_at"})}


def faults(raw: Json) -> list[str]:
    with pytest.raises(Invalid) as refused:
        parse_bundle(raw)
    return [fault.path for fault in refused.value.faults]


def entry(value: Json = 1, version: int = 1, **more: Any) -> Entry:
    facts: dict[str, Any] = {
        "version": version, "state": SET, "value": value, "enforced": False, "constraint": None, "since": NOW - DAY,
        "until": None, "written_by": None, "written_at": NOW - DAY, "change": None, "reason": "a test",
    }  # fmt: skip
    return Entry(**{**facts, **more})


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e9, 1e9) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=3,
)
scopes = st.sampled_from(["", "company:de", "company:fr", "company:de/user:ada"])
edges = st.lists(st.integers(0, 10**9), unique=True, max_size=4).map(sorted)


@st.composite
def timeline(draw: st.DrawFn, key: str, scope: str) -> list[Line]:
    """Pieces that follow each other, with gaps or without."""
    cuts = [NOW + timedelta(microseconds=cut) for cut in draw(edges)]
    pieces = [(since, until) for since, until in pairwise(cuts) if draw(st.booleans())]
    if draw(st.booleans()):
        pieces = [(None, cuts[0] if cuts else None), *pieces]  # type: ignore[list-item]  # the first holds already
    return [
        Line(
            key, Scope(scope), SET, draw(values), draw(st.booleans()),
            draw(st.none() | st.just(Constraint(minimum=1))), since, until,
        )
        for since, until in pieces
    ]  # fmt: skip


@st.composite
def bundles(draw: st.DrawFn) -> Bundle:
    places = draw(st.sets(st.tuples(st.sampled_from(["limit", "dark", "other.key"]), scopes), max_size=3))
    lines = [each for place in sorted(places) for each in draw(timeline(*place))]
    definitions = draw(st.sets(st.sampled_from([0, 1])))
    return Bundle("acme", draw(st.sampled_from(Environment)), tuple((LIMIT, DARK)[each] for each in definitions),
                  tuple(lines))  # fmt: skip


@pytest.mark.req("FR-SM-030")
class TestBundle:
    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(written=bundles())
    def test_reads_back_as_it_was_written(self, written: Bundle) -> None:
        read = parse_bundle(written.to_json(NOW))
        assert read.to_bytes() == written.to_bytes()
        assert timelines(read.lines, NOW - DAY) == timelines(written.lines, NOW - DAY)

    @settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
    @given(written=bundles(), random=st.randoms(use_true_random=False))
    def test_has_the_same_bytes_in_whatever_order(self, written: Bundle, random: Any) -> None:
        lines, definitions = list(written.lines), list(written.definitions)
        random.shuffle(lines)
        random.shuffle(definitions)
        shuffled = Bundle(written.tenant, written.environment, tuple(definitions), tuple(lines))
        assert shuffled.to_bytes() == written.to_bytes()

    def test_has_a_checksum_that_the_time_of_export_is_not_in(self) -> None:
        early, late = bundle(line()).to_json(NOW), bundle(line()).to_json(NOW + DAY)
        assert early["exported_at"] != late["exported_at"]
        assert early["checksum"] == late["checksum"] == bundle(line()).checksum
        assert bundle(line(2)).checksum != early["checksum"]

    def test_has_what_holds_and_what_is_planned_and_nothing_that_was(self) -> None:
        entries = [
            entry(1, until=NOW), entry(2, 2, since=NOW - DAY, until=NOW + DAY), entry(3, 3, since=NOW + DAY),
            entry(4, 4, since=NOW + DAY, until=NOW + DAY), entry(None, 5, state=UNSET),
            entry(None, 6, state=UNSET, constraint=Constraint(maximum=9), since=NOW + 2 * DAY),
        ]  # fmt: skip
        lines = lines_of("limit", "", entries, NOW)
        assert [(each.value, each.since, each.until, each.state) for each in lines] == [
            (2, None, NOW + DAY, SET), (3, NOW + DAY, None, SET), (None, NOW + 2 * DAY, None, UNSET),
        ]  # fmt: skip


@pytest.mark.req("FR-SM-031", "SM-D8", "SM-D9", "ST82")
class TestRefusal:
    def test_of_an_unknown_section(self) -> None:
        raw = signed(bundle(line()).to_json(), calendars=[], settings={})
        assert faults(raw) == ["/calendars", "/settings"]

    @pytest.mark.parametrize("version", ["1.0", "01.0.0", "1.0.0.0", "", 1, None, "2.0.0", "0.9.0"])
    def test_of_a_version_of_another_form_or_kind(self, version: Json) -> None:
        assert faults(signed(bundle().to_json(), version=version)) == ["/version"]

    @pytest.mark.parametrize("version", ["1.0.1", "1.9.0-rc.1", "1.0.0+build.5"])
    def test_never_of_a_version_that_only_adds(self, version: str) -> None:
        assert parse_bundle(signed(bundle().to_json(), version=version)).tenant == "acme"

    @pytest.mark.parametrize("section", ["format", "version", "tenant", "environment", "definitions", "values"])
    def test_of_a_section_that_is_missing_or_another_thing(self, section: str) -> None:
        raw = bundle(line()).to_json()
        assert faults({name: value for name, value in raw.items() if name != section}) == [f"/{section}"]
        assert faults(signed(raw, **{section: 7})) == [f"/{section}"]

    @pytest.mark.parametrize("raw", [None, [], "x", 1])
    def test_of_what_is_no_object(self, raw: Json) -> None:
        assert faults(raw) == [""]

    def test_of_what_was_changed_after_it_was_signed(self) -> None:
        raw = bundle(line(1)).to_json()
        tampered = copy.deepcopy(raw)
        tampered["values"][0]["value"] = 2
        assert faults(tampered) == faults({**raw, "checksum": "sha256:" + "0" * 64}) == ["/checksum"]
        assert faults({name: value for name, value in raw.items() if name != "checksum"}) == ["/checksum"]

    def test_names_every_fault_of_every_line(self) -> None:
        soon, later = (NOW + DAY).isoformat(), (NOW + 2 * DAY).isoformat()
        good = {"key": "limit", "scope": "", "state": "set", "value": 1}
        lines = [
            {**good, "key": "1abc", "scope": "nothing"}, {**good, "state": "gone"}, {"state": "set", **good, "more": 1},
            {name: good[name] for name in ("key", "scope", "state")}, {**good, "state": "unset"},
            {"key": "a", "scope": "", "state": "unset"}, {**good, "enforced": "yes", "constraint": {}},
            {**good, "since": later, "until": soon}, {**good, "since": "tomorrow"},
            {**good, "since": "1999-01-01T00:00:00Z"}, {**good, "value": 2**53}, 7,
        ]  # fmt: skip
        assert faults({**bundle().to_json(), "values": lines, "definitions": []}) == [
            "/values/0/key", "/values/0/scope", "/values/1/state", "/values/2/more", "/values/3", "/values/4/value",
            "/values/5", "/values/6/constraint", "/values/6/enforced", "/values/7/until", "/values/8/since",
            "/values/9/since", "/values/10/value", "/values/11",
        ]  # fmt: skip

    def test_of_a_definition_at_its_own_pointer(self) -> None:
        definitions = [LIMIT.to_json(), LIMIT.to_json(), {"key": "x", "type": "nothing"}]
        assert faults(signed(bundle().to_json(), definitions=definitions)) == [
            "/definitions/1/key", "/definitions/2/type",
        ]  # fmt: skip

    def test_of_two_values_at_one_place_and_time(self) -> None:
        twice = bundle(line(1), line(2), line(3, "company:de"))
        assert faults(twice.to_json()) == ["/values/1"]
        meeting = bundle(line(1, until=NOW + DAY), line(2, since=NOW), line(3, since=NOW + 2 * DAY))
        assert faults(meeting.to_json()) == ["/values/1/since", "/values/2/since"]

    def test_of_more_than_one_import_takes(self) -> None:
        assert faults({**bundle().to_json(), "values": [{}] * (MOST_VALUES + 1)}) == ["/values"]

    def test_of_a_value_too_deep_to_be_kept(self) -> None:
        deep: Json = 1
        for _ in range(40):
            deep = [deep]
        raw = bundle().to_json()
        raw["values"] = [{"key": "dark", "scope": "", "state": "set", "value": deep}]
        (path,) = faults(raw)
        assert path.startswith("/values/0/value/0")


@pytest.mark.req("FR-SM-031")
class TestDifference:
    def compared(self, wanted: list[Line], stored: list[Line], **more: bool) -> dict[tuple[str, str], Op]:
        one, other = (Contents(timelines=timelines(lines, NOW)) for lines in (wanted, stored))
        return dict(compared_contents(one, other, **more).places)

    def test_tells_what_is_added_changed_and_equal(self) -> None:
        wanted = [line(1), line(2, "company:de"), line(True, key="dark")]
        stored = [line(1), line(3, "company:de"), line(4, "company:fr")]
        assert self.compared(wanted, stored) == {
            ("limit", ""): Op.EQUAL, ("limit", "company:de"): Op.CHANGED, ("dark", ""): Op.ADDED,
        }  # fmt: skip

    def test_removes_only_under_prune(self) -> None:
        assert self.compared([], [line()]) == {}
        assert self.compared([], [line()], prune=True) == {("limit", ""): Op.REMOVED}

    def test_keeps_what_differs_where_nothing_may_be_overwritten(self) -> None:
        assert self.compared([line(1)], [line(2)], overwrite=False) == {("limit", ""): Op.KEPT}

    def test_tells_true_from_1(self) -> None:
        assert self.compared([line(True)], [line(1)]) == {("limit", ""): Op.CHANGED}

    def test_looks_at_what_is_left_of_time(self) -> None:
        wanted = [line(0, until=NOW), line(1, since=NOW - DAY, until=NOW + DAY), line(2, since=NOW + DAY)]
        assert self.compared(wanted, [line(1, until=NOW + DAY), line(2, since=NOW + DAY)]) == {("limit", ""): Op.EQUAL}

    def test_of_definitions_leaves_words_out(self) -> None:
        stored = Contents({"limit": Definition("limit", SettingType.INTEGER, default=11), "dark": DARK})
        worded = Definition("dark", SettingType.BOOLEAN, description="When the sun is down", owner="ux")
        new = Definition("new", SettingType.STRING)
        found = compared_contents(Contents({"limit": LIMIT, "dark": worded, "new": new}), stored)
        assert (found.missing, found.clashing, found.definitions["dark"]) == (["new"], ["limit"], Op.EQUAL)
        assert not found.is_empty
        assert compared_contents(Contents({"dark": worded}), stored).is_empty


class TestReplaced:
    def test_ends_what_holds_and_never_begins_what_was_planned(self) -> None:
        present, planned = entry(1, until=NOW + DAY), entry(2, 2, since=NOW + DAY)
        new = [entry(3, 3, since=NOW, until=NOW + 2 * DAY), entry(4, 4, since=NOW + 2 * DAY)]
        rewrite = replaced([Held(present), Held(planned)], new, NOW)
        assert rewrite.ends == ((present, NOW), (planned, None))
        assert [(each.value, each.meant_until) for each in rewrite.after] == [(3, NOW + 2 * DAY), (4, None)]
