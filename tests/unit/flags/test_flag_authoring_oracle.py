"""Authored flags give what a second reading of the same document gives, which knows nothing of JsonLogic."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Fault, Invalid
from domain.flags import Bucketing, compile_flag_set, parse_definition
from domain.flags.authoring import plain, plain_rule
from domain.flags.bucketing import arm_of, hash_of, shorthand_hash, thresholds
from domain.flags.publishing import published

VARIANTS = ["blue", "off", "on"]
NAMES = st.sampled_from(VARIANTS)
PEOPLE = ["ann", "bob", "cy", "dan"]
TENANTS: list[Any] = ["acme", "globex", 7]
SEGMENT = "beta"
CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "targetingKey": st.sampled_from([*PEOPLE, ""]),
        "tenant": st.sampled_from([*TENANTS, "umbrella", None]),
        "country": st.sampled_from(["DE", "AT", "", 49]),
        "age": st.sampled_from([17, 18, 18.5, "18", None, [18]]),
    },
)


def some(values: list[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)


def shared_out(values: list[Any]) -> st.SearchStrategy[dict[str, list[Any]]]:
    """Each value under one variant at most."""
    placed = st.dictionaries(st.sampled_from(values), NAMES, min_size=1)
    return placed.map(lambda of: {name: [v for v in of if of[v] == name] for name in dict.fromkeys(of.values())})


CLAUSES = st.one_of(
    some(PEOPLE).map(lambda users: {"users": users}),
    some(["DE", "AT", 49]).map(lambda listed: {"attribute": "country", "is": listed}),
    some(["DE", "AT"]).map(lambda listed: {"attribute": "country", "isNot": listed}),
    some(["D", "A"]).map(lambda listed: {"attribute": "country", "startsWith": listed}),
    st.sampled_from([17, 18]).map(lambda bound: {"attribute": "age", "atLeast": bound}),
    st.sampled_from([18, 19]).map(lambda bound: {"attribute": "age", "lessThan": bound}),
    st.booleans().map(lambda there: {"attribute": "tenant", "exists": there}),
)
SEGMENTS = st.fixed_dictionaries({"when": CLAUSES}, optional={"include": some(PEOPLE), "exclude": some(PEOPLE)})
CONDITIONS = st.recursive(
    st.one_of(CLAUSES, st.just({"segment": SEGMENT})),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=4,
)
SPLITS = st.builds(
    lambda first, order, by: {"split": [[order[0], first], [order[1], 100 - first], [order[2], 0]], **by},
    st.sampled_from([0, 12.5, 33.333, 50, 100]),
    st.permutations(VARIANTS),
    st.sampled_from([{}, {"by": "tenant"}]),
)
SERVED = st.one_of(NAMES, SPLITS)
FLAGS = st.fixed_dictionaries(
    {"off": NAMES},
    optional={
        "on": st.booleans(),
        "force": st.fixed_dictionaries(
            {"attribute": st.just("tenant")}, optional={"off": some(TENANTS), "on": shared_out(TENANTS)}
        ),
        "targets": shared_out(PEOPLE),
        "rules": st.lists(st.fixed_dictionaries({"when": CONDITIONS, "serve": SERVED}), min_size=1, max_size=3),
        "serve": SERVED,
    },
)
WORDS = st.sampled_from(
    [*VARIANTS, *PEOPLE, "when", "serve", "split", "by", "attribute", "is", "any", "flag", "variants"]
)
ANYTHING = st.recursive(
    st.one_of(WORDS, st.none(), st.booleans(), st.integers(-1, 100), st.just(12.5), st.just("")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=8,
)
MEMBERS = st.sampled_from(["owner", "tags", "on", "force", "prerequisites", "conflicts", "targets", "rules", "serve"])


def told(flag: Any, segment: Any, context: Any) -> Any:
    """As the page says it: forced, off, targets, rules, the rest, and the default for who is in no bucket."""
    force = flag.get("force", {})
    tenant, who = context.get("tenant"), context.get("targetingKey")
    if tenant in force.get("off", []):
        return flag["off"]
    forced = [name for name, listed in force.get("on", {}).items() if tenant in listed]
    if forced:
        return forced[0]
    if not flag.get("on", True):
        return flag["off"]
    named = [name for name, listed in flag.get("targets", {}).items() if who in listed]
    if named:
        return named[0]
    rule = next((each for each in flag.get("rules", []) if met(each["when"], segment, context)), flag)
    serve = rule.get("serve", "off")
    if not isinstance(serve, str):
        serve = arm(serve, context)
    return serve or (flag["serve"] if isinstance(flag.get("serve"), str) else "off")


def arm(serve: Any, context: Any) -> Any:
    if "by" in serve:
        by = context.get(serve["by"])
        place = None if by is None else hash_of(f"f{by}", Bucketing.V3)
    else:
        place = shorthand_hash("f", Bucketing.V3)(context.get("targetingKey"))
    if place is None:
        return None
    return serve["split"][arm_of(place, thresholds([round(share * 1000) for _, share in serve["split"]]))][0]


def met(when: Any, segment: Any, context: Any) -> bool:
    ((kind, said),) = [each for each in when.items() if each[0] != "attribute"]
    value = context.get(when.get("attribute", "targetingKey"))
    is_number = isinstance(value, int | float)
    match kind:
        case "segment":
            who = context.get("targetingKey")
            included = who in segment.get("include", []) or met(segment["when"], segment, context)
            return included and who not in segment.get("exclude", [])
        case "all":
            return all(met(each, segment, context) for each in said)
        case "any":
            return any(met(each, segment, context) for each in said)
        case "not":
            return not met(said, segment, context)
        case "users" | "is":
            return value in said
        case "isNot":
            return value not in said
        case "startsWith":
            return isinstance(value, str) and value.startswith(tuple(said))
        case "atLeast":
            return is_number and value >= said
        case "lessThan":
            return is_number and value < said
    assert kind == "exists"
    return (value is not None) is said


@pytest.mark.req("FR-SM-012", "FR-SM-014")
@settings(max_examples=300, deadline=None)
@given(FLAGS, SEGMENTS, st.lists(CONTEXTS, min_size=1, max_size=5))
def test_both_readings_agree(flag: Any, segment: Any, contexts: list[Any]) -> None:
    definition: dict[str, Any] = {
        "state": "ENABLED", "variants": {name: name for name in VARIANTS}, "authoring": flag,
    }  # fmt: skip
    if not isinstance(flag.get("serve"), str):
        definition["defaultVariant"] = "off"
    shared = {SEGMENT: {"segment": segment}}
    parse_definition(definition, evaluators=shared)
    rules = {SEGMENT: plain_rule(shared[SEGMENT])}
    flags = compile_flag_set({"f": plain(definition)}, revision=1, now=lambda: 0.0, evaluators=rules)
    for context in contexts:
        assert flags.evaluate("f", context).variant == told(flag, segment, context), context


@pytest.mark.req("FR-SM-012")
@settings(max_examples=300, deadline=None)
@given(FLAGS, st.dictionaries(MEMBERS, ANYTHING, max_size=2))
def test_whatever_is_written_is_refused_or_can_be_published(flag: Any, changes: Any) -> None:
    raw = {"state": "ENABLED", "variants": {name: name for name in VARIANTS}, "authoring": {**flag, **changes}}
    shared = {SEGMENT: {"segment": {"include": ["ann"]}}}
    faults: tuple[Fault, ...] = ()
    try:
        raw = parse_definition(raw, evaluators=shared).canonical
    except Invalid as refusal:
        faults = refusal.faults
    assert all(fault.path.startswith("/authoring") for fault in faults)
    if faults:
        return
    flags, rules = published({"f": raw}, shared, Bucketing.V3)
    assert parse_definition(flags["f"], evaluators=rules, authored=frozenset()).canonical == flags["f"]
