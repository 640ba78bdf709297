from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.flags import Bucketing, FlagSet, compile_flag_set
from domain.flags.bucketing import LARGEST_TOTAL, arm_of, hash_of, shorthand_hash, thresholds
from domain.flags.cbor import NotEncodable, encode

TOTAL = 100_000


def split(*arguments: Any, bucketing: Bucketing = Bucketing.V3, key: str = "f") -> FlagSet:
    names = {name: name for name in ("new", "old", "a", "b", "c")}
    raw = {"state": "ENABLED", "variants": names, "targeting": {"fractional": list(arguments)}}
    return compile_flag_set({key: raw}, revision=1, now=lambda: 100, bucketing=bucketing)


def stage(percent: int, bucketing: Bucketing) -> FlagSet:
    share = TOTAL * percent // 100
    return split(["new", share], ["old", TOTAL - share], bucketing=bucketing)


STAGES = {version: [stage(percent, version) for percent in (0, 10, 25, 50, 100)] for version in Bucketing}


class TestCohorts:
    @pytest.mark.req("S42")
    @settings(max_examples=300, deadline=None)
    @given(subject=st.text(min_size=1), version=st.sampled_from(Bucketing))
    def test_who_is_in_10_percent_stays_in_25_and_50(self, subject: str, version: Bucketing) -> None:
        inside = [flags.evaluate("f", {"targetingKey": subject}).variant == "new" for flags in STAGES[version]]
        assert inside == sorted(inside)
        if subject.isascii():
            assert (inside[0], inside[-1]) == (False, True)

    @pytest.mark.req("S42")
    def test_a_stage_takes_its_share(self) -> None:
        for version, stages in STAGES.items():
            for flags, percent in zip(stages, (0, 10, 25, 50, 100), strict=True):
                taken = sum(flags.evaluate("f", {"targetingKey": f"user-{n}"}).variant == "new" for n in range(10_000))
                assert abs(taken / 100 - percent) < 2, version

    def test_another_flag_takes_others(self) -> None:
        one, two = split(["new", 50], ["old", 50], key="one"), split(["new", 50], ["old", 50], key="two")
        contexts = [{"targetingKey": f"user-{n}"} for n in range(2_000)]
        both = sum(one.evaluate("one", c).variant == two.evaluate("two", c).variant for c in contexts)
        assert 900 < both < 1100

    @given(subject=st.text(min_size=1))
    def test_the_same_subject_falls_into_the_same_arm(self, subject: str) -> None:
        flags, again = split(["a", 3], ["b", 1], ["c", 5]), split(["a", 3], ["b", 1], ["c", 5])
        context = {"targetingKey": subject}
        assert flags.evaluate("f", context).variant == again.evaluate("f", dict(context)).variant


class TestProjection:
    @settings(max_examples=300)
    @given(
        weights=st.lists(st.integers(0, LARGEST_TOTAL // 8), min_size=1, max_size=8),
        hashed=st.integers(0, 2**32 - 1) | st.sampled_from([0, 2**32 - 1, 2**31]),
    )
    def test_arm_is_the_one_whose_range_holds_the_bucket(self, weights: list[int], hashed: int) -> None:
        bounds = thresholds(weights)
        if not any(weights):
            assert bounds == []
            return
        bucket, arm = (hashed * sum(weights)) >> 32, arm_of(hashed, bounds)
        assert sum(weights[:arm]) <= bucket < sum(weights[: arm + 1])

    @given(weights=st.lists(st.integers(0, 1000), min_size=1, max_size=8).filter(any))
    def test_the_arms_share_all_hashes(self, weights: list[int]) -> None:
        bounds = thresholds(weights)
        assert bounds == sorted(bounds)
        assert bounds[-1] == 2**32
        sizes = [end - start for start, end in zip([0, *bounds], bounds, strict=False)]
        for size, weight in zip(sizes, weights, strict=True):
            assert abs(size - 2**32 * weight / sum(weights)) <= 1

    def test_no_more_than_the_largest_total(self) -> None:
        assert thresholds([LARGEST_TOTAL]) == [2**32]
        assert thresholds([LARGEST_TOTAL, 1]) == []


class TestSplit:
    def test_weights_default_to_1(self) -> None:
        explicit, implied = split(["a", 1], ["b", 1]), split(["a"], ["b"])
        for n in range(100):
            context = {"targetingKey": str(n)}
            assert explicit.evaluate("f", context) == implied.evaluate("f", context)

    @pytest.mark.parametrize("context", [{}, {"targetingKey": ""}, {"targetingKey": 5}, {"targetingKey": None}])
    def test_without_targeting_key_it_is_null(self, context: Any) -> None:
        assert split(["a"], ["b"]).evaluate("f", context).reason == "DEFAULT"

    def test_all_weights_zero_is_null(self) -> None:
        assert split(["a", 0], ["b", 0]).evaluate("f", {"targetingKey": "u"}).reason == "DEFAULT"

    def test_a_named_value_is_bucketed_by(self) -> None:
        flags = split({"var": "team"}, ["a"], ["b"], ["c"])
        for n in range(50):
            variants = {flags.evaluate("f", {"team": n, "targetingKey": f"user-{m}"}).variant for m in range(20)}
            assert len(variants) == 1
        assert flags.evaluate("f", {"targetingKey": "u"}).reason == "DEFAULT"

    def test_a_named_value_that_is_a_list_is_an_arm(self) -> None:
        flags = split({"var": "arm"}, ["a", 0])
        assert flags.evaluate("f", {"arm": ["c", 5], "targetingKey": "u"}).variant == "c"
        assert flags.evaluate("f", {"arm": ["c", 5]}).variant is None
        assert flags.evaluate("f", {"arm": [], "targetingKey": "u"}).variant is None

    @pytest.mark.parametrize(
        ("weight", "variant"), [(5, "a"), (0, "b"), (-7, "b"), (2.0, None), ("5", None), (True, None), (2**31, None)]
    )
    def test_computed_weights(self, weight: Any, variant: str | None) -> None:
        flags = split(["a", {"var": "w"}], ["b", {"if": [{"var": "w"}, 0, 1]}], ["b", {"<": [1, 0]}])
        assert flags.evaluate("f", {"w": 5, "targetingKey": "u"}).variant is None
        flags = split(["a", {"var": "w"}], ["b", {"if": [{">": [{"var": "w"}, 0]}, 0, 1]}])
        assert flags.evaluate("f", {"w": weight, "targetingKey": "u"}).variant == variant

    def test_computed_arms(self) -> None:
        flags = split({"var": "team"}, {"if": [{"var": "vip"}, ["a"], ["b"]]})
        assert flags.evaluate("f", {"team": "x", "vip": True}).variant == "a"
        assert flags.evaluate("f", {"team": "x"}).variant == "b"
        assert split({"var": "team"}, {"var": "x"}).evaluate("f", {"team": "x"}).variant is None

    def test_computed_variants(self) -> None:
        flags = split([{"var": "mine"}, 1], [None, 0])
        assert flags.evaluate("f", {"mine": "c", "targetingKey": "u"}).variant == "c"
        assert flags.evaluate("f", {"targetingKey": "u"}).reason == "DEFAULT"

    def test_inside_an_iteration_an_item_has_its_own_key(self) -> None:
        rule = {"map": [{"var": "items"}, {"fractional": [["a"]]}]}
        raw = {"state": "ENABLED", "variants": {"a,": 1}, "targeting": {"cat": [rule]}}
        context = {"targetingKey": "u", "items": [{"targetingKey": "v"}, "x"]}
        flags = compile_flag_set({"f": raw}, revision=1, now=lambda: 0)
        assert flags.evaluate("f", context).error_details == "the targeting gave 'a,null', which is not a variant"

    def test_a_time_based_ramp_only_ever_grows(self) -> None:
        elapsed = {"-": [{"var": "$flagd.timestamp"}, 1_000]}
        raw = {
            "state": "ENABLED",
            "variants": {"new": 1, "old": 0},
            "targeting": {"fractional": [["new", elapsed], ["old", {"-": [100, elapsed]}]]},
        }
        moments = [
            compile_flag_set({"f": raw}, revision=1, now=partial(float, at)) for at in (990, 1_010, 1_060, 1_100, 1_200)
        ]
        for n in range(200):
            new = [flags.evaluate("f", {"targetingKey": f"u{n}"}).variant == "new" for flags in moments]
            assert new == sorted(new)
            assert (new[0], new[-1]) == (False, True)


class TestVersions:
    """Vectors worked out from the definitions: MurmurHash3 (x86, 32 bits, seed 0) of the stated bytes."""

    def test_v3_hashes_the_cbor_of_key_and_targeting_key(self) -> None:
        assert shorthand_hash("f", Bucketing.V3)("user-1") == hash_of(["f", "user-1"], Bucketing.V3)

    def test_v2_hashes_key_and_targeting_key_as_one_text(self) -> None:
        assert shorthand_hash("f", Bucketing.V2)("user-1") == hash_of("fuser-1", Bucketing.V2)

    def test_the_versions_place_the_same_user_differently(self) -> None:
        arms = [split(["a"], ["b"], ["c"], bucketing=version) for version in Bucketing]
        placed = [[flags.evaluate("f", {"targetingKey": str(n)}).variant for n in range(20)] for flags in arms]
        assert placed[0] != placed[1]

    @pytest.mark.parametrize("subject", [1, 1.5, True, [], {}, None])
    def test_v2_takes_texts_alone(self, subject: Any) -> None:
        assert hash_of(subject, Bucketing.V2) is None

    @pytest.mark.parametrize("version", Bucketing)
    @pytest.mark.parametrize("subject", [None, "\ud800", {1: 2}, object(), b"x"])
    def test_what_has_no_encoding_has_no_hash(self, subject: Any, version: Bucketing) -> None:
        assert hash_of(subject, version) is None
        assert shorthand_hash("f", version)("\ud800") is None

    @pytest.mark.parametrize(
        ("value", "encoded"),
        [
            ("", "60"),
            ("é", "62c3a9"),
            ("x" * 24, "7818" + "78" * 24),
            ("x" * 256, "790100" + "78" * 256),
            (23, "17"),
            (24, "1818"),
            (-1, "20"),
            (2**32, "1b0000000100000000"),
            (2**64, "c249010000000000000000"),
            (-(2**64) - 1, "c349010000000000000000"),
            (2.0, "02"),
            (-0.0, "00"),
            (1.5, "f93e00"),
            (100_000.5, "fa47c35040"),
            (0.1, "fb3fb999999999999a"),
            (float("inf"), "f97c00"),
            (float("nan"), "f97e00"),
            (True, "f5"),
            ([None, [False]], "82f681f4"),
            ({"bb": 1, "a": 2, "c": 3}, "a361610261630362626201"),
        ],
    )
    def test_canonical_cbor(self, value: Any, encoded: str) -> None:
        assert encode(value).hex() == encoded

    def test_only_json_is_encoded(self) -> None:
        with pytest.raises(NotEncodable):
            encode(object())
