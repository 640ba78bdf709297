"""What is kept of a context, and what a rule gives over that: the same as over the whole one, or nothing."""

import json
from collections import Counter
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.flags.bucketing import Bucketing
from domain.flags.jsonlogic import compile_rule
from domain.flags.redacted import NotKnown, Redaction
from domain.flags.resolution import Resolve, Setting, compile_flag
from domain.flags.sampling import LARGEST, Sample, Sampling, parse_sampling, sampled, tokens

SECRET = b"s" * 32
CHOSEN = parse_sampling(["plan"], ["email"], 10)
REDACTION = Redaction(CHOSEN.plain, CHOSEN.hashed, tokens(SECRET))


def kept(**context: Any) -> Any:
    sample = sampled(context, CHOSEN, SECRET)
    assert isinstance(sample, Sample)
    return sample.context


@pytest.mark.req("BR1")
class TestSampling:
    def test_what_nobody_chose_is_nowhere(self) -> None:
        context = {"targetingKey": "ada@shop.test", "email": "ada@shop.test", "plan": "gold", "phone": "555-0199"}
        found = kept(**context)
        assert found.keys() == {"targetingKey", "email", "plan"}
        assert found["plan"] == "gold"
        assert found["email"] == found["targetingKey"]
        assert "ada" not in json.dumps(found)
        assert "555" not in json.dumps(found)

    def test_equal_stays_equal_and_nothing_else_does(self) -> None:
        assert kept(email="a") == kept(email="a")
        tokened = [kept(email=each)["email"] for each in ("a", "b", 1, True, "1", ["a"], {"a": 1})]
        assert len({*tokened}) == len(tokened)
        assert kept(email=1) == kept(email=1.0)
        assert kept(email=None) == {"email": None}
        other = sampled({"email": "a"}, CHOSEN, b"t" * 32)
        assert other is not None
        assert other.context != kept(email="a")

    def test_contexts_of_which_the_same_is_kept_are_one(self) -> None:
        one, other, third = (
            sampled({"plan": plan, "phone": phone}, CHOSEN, SECRET)
            for plan, phone in (("gold", "1"), ("gold", "2"), ("iron", "1"))
        )
        assert one == other != third

    def test_the_targeting_key_may_be_kept_as_it_is(self) -> None:
        assert parse_sampling(["targetingKey"], [], 1) == Sampling(frozenset({"targetingKey"}), frozenset(), 1)
        assert parse_sampling(["plan"], ["email"], 0) == Sampling()

    @pytest.mark.parametrize("context", [{"plan": "a\0b"}, {"plan": "x" * LARGEST}, {"plan": 2**64}])
    def test_what_cannot_be_stored_is_not_sampled(self, context: dict[str, Any]) -> None:
        assert sampled(context, CHOSEN, SECRET) is None

    @pytest.mark.parametrize(
        ("plain", "hashed", "capacity", "path"),
        [
            ([""], [], 1, "/plain/0"),
            (["user.plan"], [], 1, "/plain/0"),
            ([], ["$flagd"], 1, "/hashed/0"),
            (["plan"], ["email", "plan"], 1, "/hashed/1"),
            ([], [], 1001, "/capacity"),
            ([], [], -1, "/capacity"),
            (["a"] * 101, [], 1, "/plain"),
        ],
    )
    def test_a_choice_that_is_none_is_refused(
        self, plain: list[str], hashed: list[str], capacity: int, path: str
    ) -> None:
        with pytest.raises(Invalid) as refused:
            parse_sampling(plain, hashed, capacity)
        assert [fault.path for fault in refused.value.faults] == [path]


NAMES = st.sampled_from(["plan", "email", "phone", "targetingKey"])
VALUES = st.one_of(st.none(), st.booleans(), st.integers(-1, 2), st.sampled_from(["", "a", "b", "1", "true"]))
ITEMS = st.one_of(VALUES, st.lists(VALUES, max_size=2))
CONTEXTS = st.dictionaries(NAMES, ITEMS).map(
    lambda each: each | {"targetingKey": str(each["targetingKey"])} if "targetingKey" in each else each
)


def _operators(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    two = st.tuples(inner, inner).map(list)
    compared = st.builds(
        lambda name, sides: {name: sides}, st.sampled_from(["==", "!=", "===", "!==", "<", "in", "and", "or", "+"]), two
    )
    listed = st.tuples(inner, st.lists(VALUES, max_size=3)).map(lambda each: {"in": [*each]})
    chosen = st.tuples(inner, inner, inner).map(lambda each: {"if": [*each]})
    asked = st.builds(lambda name, names: {name: names}, st.just("missing"), st.lists(NAMES, max_size=2))
    texts = st.builds(lambda name, sides: {name: sides}, st.sampled_from(["cat", "starts_with", "ends_with"]), two)
    return st.one_of(compared, listed, chosen, asked, texts, inner.map(lambda each: {"!": [each]}))


RULES = st.recursive(st.one_of(NAMES.map(lambda name: {"var": name}), VALUES), _operators, max_leaves=8)


def resolve(rule: Any, redaction: Redaction | None, bucketing: Bucketing = Bucketing.V3) -> Resolve:
    compiled = compile_rule if redaction is None else partial(compile_rule, forms=redaction.forms)
    definition = {"state": "ENABLED", "variants": {"yes": True, "no": False}, "targeting": rule}
    return compile_flag("f", definition, Setting(bucketing, {}, {}, lambda: 0.0), compiled).resolve


@pytest.mark.req("BR2")
class TestRedacted:
    @given(rule=RULES, context=CONTEXTS)
    def test_it_gives_what_it_gives_over_the_whole_context_or_nothing(self, rule: Any, context: Any) -> None:
        rule = {"if": [rule, "yes", "no"]}
        try:
            found = resolve(rule, REDACTION)(kept(**context))
        except NotKnown:
            return
        assert found == resolve(rule, None)(context)

    @pytest.mark.parametrize(
        ("rule", "expected"),
        [
            ({"==": [{"var": "email"}, "a"]}, "yes"),
            ({"!=": [{"var": ["email"]}, "b"]}, "yes"),
            ({"===": ["b", {"var": "email"}]}, "no"),
            ({"in": [{"var": "email"}, ["b", "a"]]}, "yes"),
            ({"in": [{"var": "targetingKey"}, ["b"]]}, "no"),
            ({"==": [{"var": "email"}, {"var": "targetingKey"}]}, "no"),
            ({"==": [{"var": "email"}, {"var": "plan"}]}, "yes"),
            ({"or": [{"==": [{"var": "plan"}, "a"]}, {"var": "phone"}]}, "yes"),
            ({"missing": ["email", "plan"]}, "no"),
            ({"some": [[1, 2], {"==": [{"var": ""}, 2]}]}, "yes"),
        ],
    )
    def test_equality_of_what_is_hashed_is_known(self, rule: Any, expected: str) -> None:
        context = kept(email="a", plan="a", targetingKey="u1", phone="1")
        assert resolve({"if": [rule, "yes", "no"]}, REDACTION)(context).variant == expected

    @pytest.mark.parametrize(
        "rule",
        [
            {"var": "email"},
            {"var": "phone"},
            {"var": ""},
            {"var": [{"cat": ["pl", "an"]}]},
            {"==": [{"var": "phone"}, "1"]},
            {"==": [{"var": "email"}, 1]},
            {"==": [{"var": ["email", "a"]}, "a"]},
            {"==": [{"cat": [{"var": "email"}]}, "a"]},
            {"starts_with": [{"var": "email"}, "a"]},
            {"in": ["a", {"var": "email"}]},
            {"in": [{"var": "email"}, "a lot of text"]},
            {"missing": ["phone"]},
            {"missing": ["email.domain"]},
            {"fractional": [{"substr": [{"var": "email"}, 0, 1]}, ["yes"], ["no"]]},
        ],
    )
    def test_nothing_else_is(self, rule: Any) -> None:
        with pytest.raises(NotKnown):
            resolve({"if": [rule, "yes", "no"]}, REDACTION)(kept(email="a", plan="a", targetingKey="u1"))

    @pytest.mark.parametrize(("value", "among"), [(True, [1]), (1, [True]), (1, ["a", True])])
    def test_what_a_list_takes_for_the_same_is_not_known(self, value: Any, among: list[Any]) -> None:
        rule = {"if": [{"in": [{"var": "email"}, among]}, "yes", "no"]}
        assert resolve(rule, None)({"email": value}).variant == "yes"
        with pytest.raises(NotKnown):
            resolve(rule, REDACTION)(kept(email=value))

    @pytest.mark.parametrize("bucketing", Bucketing)
    @pytest.mark.parametrize(
        "subject", [[], [{"var": "email"}], [{"cat": [{"var": "$flagd.flagKey"}, {"var": "email"}]}]]
    )
    def test_shares_are_right_though_subjects_are_others(self, subject: list[Any], bucketing: Bucketing) -> None:
        rule = {"fractional": [*subject, ["yes", 25], ["no", 75]]}
        whole, redacted = resolve(rule, None, bucketing), resolve(rule, REDACTION, bucketing)
        contexts = [{"targetingKey": f"u{n}", "email": f"{n}@shop.test"} for n in range(2_000)]
        real = [whole(each).variant for each in contexts]
        hashed = [redacted(kept(**each)).variant for each in contexts]
        assert real != hashed
        assert all(abs(Counter(each)["yes"] - 500) < 100 for each in (real, hashed))
        assert redacted(kept(email=None)).variant == whole({"email": None}).variant

    def test_a_number_is_no_text_to_bucket_by(self) -> None:
        rule = {"fractional": [{"var": "email"}, ["yes"], ["no"]]}
        assert resolve(rule, REDACTION)(kept(email=7)).variant in {"yes", "no"}
        with pytest.raises(NotKnown):
            resolve(rule, REDACTION, Bucketing.V2)(kept(email=7))
