"""The same four rules, in the language of each evaluator and asked through its own fastest call."""

import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

from domain.flags import compile_flag_set

Calls = Mapping[str, Callable[[], object]]
"""For each rule of `RULES` a call without arguments that evaluates it once."""

RULES = ("static", "one clause", "in + 4-way split", "5 clauses")
COUNTRIES = ["AT", "CH", "DE", "FR"]
ARMS = ["a", "b", "c", "d"]
PERSON: dict[str, Any] = {
    "email": "ada@example.org",
    "country": "DE",
    "version": "1.4.2",
    "age": 36,
    "banned": False,
}
SUBJECT = "user-4711"


def flagd_flags() -> dict[str, Any]:
    five = [
        {"in": [{"var": "country"}, COUNTRIES]},
        {"sem_ver": [{"var": "version"}, ">=", "1.2.0"]},
        {"ends_with": [{"var": "email"}, "@example.org"]},
        {">=": [{"var": "age"}, 18]},
        {"!": [{"var": "banned"}]},
    ]
    switch = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
    split = {"if": [{"in": [{"var": "country"}, COUNTRIES]}, {"fractional": [[arm, 25] for arm in ARMS]}]}
    return {
        "static": {**switch, "defaultVariant": "on"},
        "one clause": {**switch, "targeting": {"if": [{"==": [{"var": "email"}, PERSON["email"]]}, "on"]}},
        "in + 4-way split": {"state": "ENABLED", "variants": {arm: arm for arm in ARMS}, "targeting": split},
        "5 clauses": {**switch, "targeting": {"if": [{"and": five}, "on"]}},
    }


def changegate() -> Calls:
    flags = compile_flag_set(flagd_flags(), revision=1, now=lambda: 0.0)
    context = {**PERSON, "targetingKey": SUBJECT}
    return {rule: partial(flags.evaluate, rule, context) for rule in RULES}


def flagd_core() -> Calls:
    core = import_module("openfeature.contrib.tools.flagd.core").FlagdCore()
    context = import_module("openfeature.evaluation_context").EvaluationContext(SUBJECT, PERSON)
    core.set_flags({"flags": flagd_flags()})
    calls: dict[str, Callable[[], object]] = {
        rule: partial(core.resolve_boolean_value, rule, False, context) for rule in RULES
    }
    calls["in + 4-way split"] = partial(core.resolve_string_value, "in + 4-way split", "", context)
    return calls


def growthbook() -> Calls:
    five = {
        "country": {"$in": COUNTRIES},
        "version": {"$vgte": "1.2.0"},
        "email": {"$regex": "@example\\.org$"},
        "age": {"$gte": 18},
        "banned": {"$ne": True},
    }
    arms = {"variations": ARMS, "weights": [0.25] * 4, "coverage": 1, "hashAttribute": "id", "hashVersion": 2}
    features = {
        "static": {"defaultValue": True},
        "one clause": {"defaultValue": False, "rules": [{"condition": {"email": PERSON["email"]}, "force": True}]},
        "in + 4-way split": {"rules": [{"condition": {"country": {"$in": COUNTRIES}}, "key": "split", **arms}]},
        "5 clauses": {"defaultValue": False, "rules": [{"condition": five, "force": True}]},
    }
    client = import_module("growthbook").GrowthBook(attributes={**PERSON, "id": SUBJECT}, features=features)
    return {rule: partial(client.eval_feature, rule) for rule in RULES}


def unleash() -> Calls:
    def constraint(name: str, operator: str, value: str, **more: Any) -> dict[str, Any]:
        return {"contextName": name, "operator": operator, "values": [value], "value": value, **more}

    def feature(name: str, *constraints: dict[str, Any], **more: Any) -> dict[str, Any]:
        strategy = {"name": "default", "parameters": {}, "constraints": constraints}
        return {"name": name, "type": "release", "enabled": True, "strategies": [strategy], **more}

    among = {**constraint("country", "IN", ""), "values": COUNTRIES}
    arms = [{"name": arm, "weight": 250, "weightType": "fix", "stickiness": "default"} for arm in ARMS]
    five = (
        among,
        constraint("version", "SEMVER_LT", "1.2.0", inverted=True),
        constraint("email", "STR_ENDS_WITH", "@example.org"),
        constraint("age", "NUM_GTE", "18"),
        constraint("banned", "IN", "true", inverted=True),
    )
    features = [
        feature("static"),
        feature("one clause", constraint("email", "IN", PERSON["email"])),
        feature("in + 4-way split", among, variants=arms),
        feature("5 clauses", *five),
    ]
    library = import_module("UnleashClient")
    cache = import_module("UnleashClient.cache").FileCache("benchmark", directory=tempfile.mkdtemp())
    cache.bootstrap_from_dict({"version": 2, "features": features})
    client = library.UnleashClient(
        "http://127.0.0.1:9", "benchmark", cache=cache, disable_metrics=True, disable_registration=True
    )
    text = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in PERSON.items()}
    context = {"userId": SUBJECT, "properties": text}
    calls: dict[str, Callable[[], object]] = {rule: partial(client.is_enabled, rule, context) for rule in RULES}
    calls["in + 4-way split"] = partial(client.get_variant, "in + 4-way split", context)
    return calls


def launchdarkly() -> Calls:
    def clause(attribute: str, operator: str, *values: Any, negate: bool = False) -> dict[str, Any]:
        return {"attribute": attribute, "op": operator, "values": list(values), "negate": negate}

    def flag(key: str, variations: list[Any], *rules: dict[str, Any], otherwise: int = 1) -> dict[str, Any]:
        served = {"on": True, "variations": variations, "fallthrough": {"variation": otherwise}, "offVariation": 1}
        rest: dict[str, Any] = {"version": 1, "salt": "s", "targets": [], "prerequisites": []}
        return {"key": key, "rules": [{"id": key, **rule} for rule in rules], **served, **rest}

    among = clause("country", "in", *COUNTRIES)
    five = [
        among,
        clause("version", "semVerLessThan", "1.2.0", negate=True),
        clause("email", "endsWith", "@example.org"),
        clause("age", "greaterThanOrEqual", 18),
        clause("banned", "in", True, negate=True),
    ]
    rollout = {"variations": [{"variation": arm, "weight": 25_000} for arm in range(4)]}
    email = [clause("email", "in", PERSON["email"])]
    flags = [
        flag("static", [True, False], otherwise=0),
        flag("one clause", [True, False], {"clauses": email, "variation": 0}),
        flag("in + 4-way split", ARMS, {"clauses": [among], "rollout": rollout}),
        flag("5 clauses", [True, False], {"clauses": five, "variation": 0}),
    ]
    client_module, kinds = import_module("ldclient.client"), import_module("ldclient.versioned_data_kind")
    store = import_module("ldclient.feature_store").InMemoryFeatureStore()
    store.init({kinds.FEATURES: {flag["key"]: flag for flag in flags}, kinds.SEGMENTS: {}})
    config = import_module("ldclient.config").Config("key", feature_store=store, use_ldd=True, send_events=False)
    client = client_module.LDClient(config)
    builder = import_module("ldclient.context").Context.builder(SUBJECT)
    for name, value in PERSON.items():
        builder.set(name, value)
    context = builder.build()
    return {rule: partial(client.variation, rule, context, None) for rule in RULES}


PEERS: Mapping[str, Callable[[], Calls]] = {
    "openfeature-flagd-core": flagd_core,
    "growthbook": growthbook,
    "unleashclient": unleash,
    "launchdarkly-server-sdk": launchdarkly,
}
"""By the name of the distribution."""
