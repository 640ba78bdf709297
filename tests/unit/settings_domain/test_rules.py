from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.settings import Rule, Violation, keys_beside, parse_rules, violations
from domain.settings.rules import Assertion, Exclusion, ViolationKind

BILLING = {
    "kind": "dependency",
    "name": "billing-needs-a-gateway",
    "when": {"key": "billing.enabled", "is": {"true": True}},
    "needs": [{"key": "payment.gateway"}],
    "message": "Choose how customers pay.",
}
PROVIDERS = {
    "kind": "conflict",
    "name": "one-provider",
    "between": [{"key": "payment.stripe"}, {"key": "payment.paypal"}],
}
POOL = {"kind": "range", "name": "pool", "key": "pool.size", "at_least": 1, "at_most": {"key": "pool.most"}}
CEL = {"kind": "cel", "name": "enough", "expression": 'settings["a"] > settings["b"]', "keys": ["a", "b"]}
EVERY_KIND: list[dict[str, Any]] = [BILLING, PROVIDERS, POOL, CEL]


def broken(raw: dict[str, Any], image: dict[str, Any], *changed: str) -> Violation | None:
    found = violations(parse_rules([raw]), image, changed or image.keys())
    return found[0] if found else None


def faults(*raw: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as refusal:
        parse_rules(list(raw))
    return {fault.path: fault.message for fault in refusal.value.faults}


@pytest.mark.req("FR-SM-004", "ST76")
class TestDependency:
    def test_what_is_needed_and_not_set_is_missing(self) -> None:
        found = broken(BILLING, {"billing.enabled": True}, "billing.enabled")
        assert found == Violation(
            "billing-needs-a-gateway",
            ViolationKind.MISSING_DEPENDENCIES,
            ("billing.enabled", "payment.gateway"),
            "billing.enabled needs payment.gateway. Choose how customers pay.",
        )

    @pytest.mark.req("SM-D7")
    @given(batch=st.permutations([("billing.enabled", True), ("payment.gateway", "stripe")]))
    def test_both_in_one_batch_in_any_order_are_fine(self, batch: list[tuple[str, Any]]) -> None:
        assert violations(parse_rules([BILLING]), dict(batch), [key for key, _ in batch]) == ()

    def test_what_is_needed_cannot_be_taken_away(self) -> None:
        for image in ({}, {"payment.gateway": None}, {"payment.gateway": False}):
            found = broken(BILLING, {"billing.enabled": True, **image}, "payment.gateway")
            assert found is not None
            assert found.kind == "required_by"
            assert found.keys == ("billing.enabled", "payment.gateway")
            assert found.message.startswith("billing.enabled still needs payment.gateway.")

    def test_where_both_change_it_is_the_one_that_needs_that_is_told(self) -> None:
        found = broken(BILLING, {"billing.enabled": True, "payment.gateway": None})
        assert found is not None
        assert found.kind == "missing_dependencies"

    def test_nothing_is_needed_while_the_condition_does_not_hold(self) -> None:
        assert broken(BILLING, {"billing.enabled": False}) is None
        assert broken(BILLING, {}, "payment.gateway") is None

    def test_all_that_is_lacking_is_told_at_once(self) -> None:
        rule = BILLING | {"needs": [{"key": key} for key in ("a", "b", "c")], "message": ""}
        found = broken(rule, {"billing.enabled": True, "b": 1})
        assert found is not None
        assert (found.keys, found.message) == (("billing.enabled", "a", "c"), "billing.enabled needs a and c.")


@pytest.mark.req("SM-D5")
class TestPredicate:
    @pytest.mark.parametrize(
        ("predicate", "holds", "fails"),
        [
            (None, ["stripe", True, 0, "", [], {}, "false"], [None, False]),
            ({"present": True}, [False, 0, ""], [None]),
            ({"true": True}, [True], [1, "true", None, False]),
            ({"equals": 1}, [1, 1.0], [True, "1", None, 2]),
            ({"equals": None}, [None], [False, 0, ""]),
            ({"equals": {"a": [1], "b": 2}}, [{"b": 2, "a": [1]}], [{"a": [1]}]),
            ({"in": ["stripe", "adyen", 1]}, ["stripe", 1], ["paypal", True, None]),
        ],
    )
    def test_it_is_declared_and_never_guessed(self, predicate: Any, holds: list[Any], fails: list[Any]) -> None:
        need = {"key": "payment.gateway"} | ({} if predicate is None else {"is": predicate})
        rule = BILLING | {"needs": [need]}
        for value in holds:
            assert broken(rule, {"billing.enabled": True, "payment.gateway": value}) is None, value
        for value in fails:
            assert broken(rule, {"billing.enabled": True, "payment.gateway": value}) is not None, value
        assert broken(rule, {"billing.enabled": True}) is not None


@pytest.mark.req("FR-SM-004", "ST77", "SM-D6")
class TestConflict:
    def test_two_that_exclude_each_other_are_refused_in_one_batch(self) -> None:
        found = broken(PROVIDERS, {"payment.stripe": True, "payment.paypal": True})
        assert found is not None
        assert (found.kind, found.keys) == ("conflict", ("payment.paypal", "payment.stripe"))
        assert found.message == "payment.paypal and payment.stripe exclude each other."

    def test_one_or_none_is_fine(self) -> None:
        assert broken(PROVIDERS, {"payment.stripe": True, "payment.paypal": False}) is None
        assert broken(PROVIDERS, {}, "payment.stripe") is None

    @given(st.permutations(["a", "b", "c"]), st.sets(st.sampled_from("abc")), st.sampled_from("abc"))
    def test_no_side_is_the_first(self, order: list[str], held: set[str], changed: str) -> None:
        rule = PROVIDERS | {"between": [{"key": key} for key in order]}
        image = dict.fromkeys(held, True)
        assert parse_rules([rule]) == parse_rules([PROVIDERS | {"between": [{"key": key} for key in "abc"]}])
        found = broken(rule, image, changed)
        assert (found is not None) is (len(held) > 1)
        assert found is None or found.keys == tuple(sorted(held))

    def test_only_the_declared_values_exclude_each_other(self) -> None:
        between = [{"key": "mode", "is": {"equals": "live"}}, {"key": "sandbox"}]
        assert broken(PROVIDERS | {"between": between}, {"mode": "test", "sandbox": True}) is None
        assert broken(PROVIDERS | {"between": between}, {"mode": "live", "sandbox": True}) is not None


@pytest.mark.req("FR-SM-004")
class TestRange:
    @pytest.mark.parametrize("size", [1, 1.5, 10, None])
    def test_bounds_are_inclusive_and_null_is_not_compared(self, size: Any) -> None:
        assert broken(POOL, {"pool.size": size, "pool.most": 10}) is None

    @pytest.mark.parametrize(("size", "keys"), [(0, ("pool.size",)), (11, ("pool.size", "pool.most"))])
    def test_outside_is_told_with_the_key_that_bounds(self, size: int, keys: tuple[str, ...]) -> None:
        found = broken(POOL, {"pool.size": size, "pool.most": 10})
        assert found is not None
        assert (found.kind, found.keys) == ("out_of_range", keys)

    def test_moving_the_bound_is_refused_as_well(self) -> None:
        found = broken(POOL, {"pool.size": 8, "pool.most": 5}, "pool.most")
        assert found is not None
        assert found.message == "pool.size is outside of the range that pool.most sets."

    def test_a_bound_that_is_not_set_is_none(self) -> None:
        assert broken(POOL, {"pool.size": 10**6}) is None

    @pytest.mark.parametrize("size", [True, "5", [], "PT5M"])
    def test_what_has_no_size_or_another_one_is_outside(self, size: Any) -> None:
        assert broken(POOL, {"pool.size": size, "pool.most": 10}) is not None

    def test_durations_are_compared_by_their_length(self) -> None:
        rule = POOL | {"at_least": "PT1M"}
        assert broken(rule, {"pool.size": "PT90S", "pool.most": "PT2M"}) is None
        assert broken(rule, {"pool.size": "PT9M", "pool.most": "PT10M"}) is None
        assert broken(rule, {"pool.size": "PT59S"}) is not None


VALUES: st.SearchStrategy[Any] = st.sampled_from([None, True, False, 0, 1, 5, "x", [], {}])
IMAGES = st.dictionaries(st.sampled_from(sorted(key for rule in parse_rules(EVERY_KIND) for key in rule.keys)), VALUES)


@pytest.mark.req("FR-SM-004", "SM-D7")
class TestImage:
    @given(image=IMAGES, place=st.randoms())
    def test_the_order_of_the_batch_is_irrelevant(self, image: dict[str, Any], place: Any) -> None:
        rules = parse_rules(EVERY_KIND)
        items = list(image.items())
        place.shuffle(items)
        turned = dict(items)
        assert violations(rules, turned, list(turned)) == violations(rules, image, list(image))

    @given(image=IMAGES, changed=st.sets(st.sampled_from(["billing.enabled", "payment.paypal", "pool.most", "b", "z"])))
    def test_what_stands_beside_the_changed_keys_is_all_that_counts(
        self, image: dict[str, Any], changed: set[str]
    ) -> None:
        rules = parse_rules(EVERY_KIND)
        beside = keys_beside(rules, changed)
        part = {key: value for key, value in image.items() if key in beside}
        assert violations(rules, part, changed) == violations(rules, image, changed)
        assert beside >= changed

    @given(image=IMAGES, changed=st.sets(st.sampled_from(["billing.enabled", "payment.paypal", "pool.most", "b", "z"])))
    def test_a_rule_is_asked_exactly_when_a_key_of_it_changed(self, image: dict[str, Any], changed: set[str]) -> None:
        asked: list[str] = []

        class Watched(Assertion):
            def violation(self, image: Any, changed: Any) -> None:
                asked.append(self.name)

        rules = [Watched(rule.name, "", "true", tuple(rule.keys)) for rule in parse_rules(EVERY_KIND)]
        assert violations(rules, image, changed) == ()
        assert asked == [rule.name for rule in rules if rule.keys & changed]

    @given(image=IMAGES)
    def test_a_fault_that_stands_already_does_not_hold_up_others(self, image: dict[str, Any]) -> None:
        assert violations(parse_rules(EVERY_KIND), image, ["something.else"]) == ()

    def test_each_leaf_is_asked_for_itself(self) -> None:
        """Stripe at the company and PayPal at one site meet at that site only."""
        rules = parse_rules([PROVIDERS])
        company, site = {"payment.stripe": True}, {"payment.stripe": True, "payment.paypal": True}
        changed = ["payment.paypal"]
        assert [len(violations(rules, image, changed)) for image in (company, site)] == [0, 1]

    @given(image=IMAGES)
    def test_no_value_is_told(self, image: dict[str, Any]) -> None:
        secret = {key: "s3cr3t-" + key if value == "x" else value for key, value in image.items()}
        for violation in violations(parse_rules(EVERY_KIND), secret, secret):
            assert "s3cr3t" not in violation.message
            assert set(violation.keys) <= {key for rule in parse_rules(EVERY_KIND) for key in rule.keys}


@pytest.mark.req("FR-SM-004", "SM-D14")
class TestParseRules:
    @pytest.mark.parametrize("raw", [BILLING, PROVIDERS, POOL, CEL], ids=lambda raw: str(raw["kind"]))
    def test_what_is_stored_is_the_rule_that_is_asked(self, raw: dict[str, Any]) -> None:
        (rule,) = parse_rules([raw])
        (again,) = parse_rules([rule.to_json()])
        assert again == rule
        assert isinstance(rule, Rule)

    def test_a_rule_of_any_keys_counts_without_a_line_of_code(self) -> None:
        stored = [
            rule.to_json() for rule in parse_rules([PROVIDERS | {"between": [{"key": "x.new"}, {"key": "y.new"}]}])
        ]
        assert len(violations(parse_rules(stored), {"x.new": 1, "y.new": 2}, ["x.new"])) == 1

    def test_rules_are_told_in_their_order(self) -> None:
        image = {
            "billing.enabled": True,
            "payment.stripe": True,
            "payment.paypal": True,
            "pool.size": 0,
            "a": 1,
            "b": 2,
        }
        for rules in permutations(EVERY_KIND):
            told = [violation.rule for violation in violations(parse_rules(list(rules)), image, image)]
            assert told == [rule["name"] for rule in rules]

    def test_a_bound_of_zero_is_kept(self) -> None:
        (rule,) = parse_rules([POOL | {"at_least": 0}])
        assert rule.to_json()["at_least"] == 0

    def test_a_conflict_knows_its_keys_sorted(self) -> None:
        (rule,) = parse_rules([PROVIDERS])
        assert isinstance(rule, Exclusion)
        assert [condition.key for condition in rule.between] == ["payment.paypal", "payment.stripe"]
        assert rule.keys == {"payment.stripe", "payment.paypal"}

    def test_every_fault_is_told_at_its_place(self) -> None:
        told = faults(
            "text",
            {"kind": "wish"},
            BILLING | {"name": "9", "message": "x" * 501, "extra": 1, "when": {"key": "1abc", "is": {"like": 1}}},
            BILLING | {"needs": [{"key": "billing.enabled"}, {"key": "b", "is": {"true": False}, "a/b": 1}, 7]},
            BILLING | {"name": "empty", "needs": []},
            PROVIDERS | {"between": [{"key": "a"}, {"key": "a", "is": {"in": []}}]},
            PROVIDERS | {"name": "alone", "between": [{"key": "a"}]},
            POOL | {"at_least": 3, "at_most": 2},
            POOL | {"name": "own", "at_least": {"key": "pool.size"}, "at_most": {"key": "x", "y": 1}},
            POOL | {"name": "kinds", "at_least": "PT1M", "at_most": 5},
            POOL | {"name": "words", "at_least": "five", "at_most": None},
            {"kind": "range", "name": "boundless", "key": "a"},
            CEL | {"keys": ["a", "c", "a"]},
            CEL | {"name": "keyless", "keys": []},
            CEL | {"name": "enough"},
            BILLING | {"name": "deep", "when": {"key": "a", "is": {"equals": 2**60}}},
            BILLING | {"name": "lone", "message": "\ud800"},
        )
        assert sorted(told) == sorted([
            "/0",
            "/1/kind",
            "/2/extra", "/2/message", "/2/name", "/2/when/is", "/2/when/key",
            "/3/needs/0/key", "/3/needs/1/a~1b", "/3/needs/1/is/true", "/3/needs/2",
            "/4/needs",
            "/5/between/1/is/in", "/5/between/1/key",
            "/6/between",
            "/7/at_most",
            "/8/at_least/key", "/8/at_most",
            "/9/at_most",
            "/10/at_least", "/10/at_most",
            "/11",
            "/12/keys", "/12/keys/1", "/12/keys/2",
            "/13/keys",
            "/14/name",
            "/15/when/is/equals",
            "/16/message",
        ])  # fmt: skip
        assert told["/12/keys"] == "expected b too: the expression reads it"

    @pytest.mark.parametrize("raw", [None, {}, "[]", [BILLING] * 501])
    def test_what_is_no_list_of_bearable_length_is_refused(self, raw: Any) -> None:
        with pytest.raises(Invalid):
            parse_rules(raw)
