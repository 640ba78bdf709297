"""What other tools exported decides the same for everybody here, or the report says why it does not."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from api.schemas.flag_documents import FlagImportIn
from domain.environments import Environment
from domain.errors import Invalid
from domain.flags import CODE_DEFAULT, Bucketing, FlagSet, compile_flag_set
from domain.flags.importers import Fidelity, Tool, Translation
from domain.flags.publishing import published

EXPORTS = Path(__file__).parent / "exports"
TOOLS = ("launchdarkly", "unleash", "growthbook")
SAID: dict[str, Any] = {tool: json.loads((EXPORTS / f"{tool}.json").read_text()) for tool in TOOLS}
CASES = [(tool, number, case) for tool in TOOLS for number, case in enumerate(SAID[tool]["cases"])]
PEOPLE = 4000


def translated(tool: str, document: Any, environment: str | None = None) -> Translation:
    wish = FlagImportIn(
        environment=Environment.DEV,
        format=Tool(tool),
        document=document,
        source_environment=environment,
        reason="a test of it",
    )
    return wish.intake().translation


def compiled(found: Translation) -> FlagSet:
    flags, shared = published(found.flags, found.evaluators, Bucketing.V3)
    return compile_flag_set(flags, revision=1, now=lambda: 1_700_000_000.0, evaluators=shared)


@pytest.fixture(scope="module")
def translations() -> dict[str, Translation]:
    return {tool: translated(tool, said["document"], said.get("environment")) for tool, said in SAID.items()}


@pytest.fixture(scope="module")
def sets(translations: dict[str, Translation]) -> dict[str, FlagSet]:
    return {tool: compiled(found) for tool, found in translations.items()}


@pytest.mark.req("FI2")
class TestVectors:
    @pytest.mark.parametrize(("tool", "number", "case"), CASES, ids=[f"{tool}-{n}" for tool, n, _ in CASES])
    def test_a_context_gets_what_the_tool_gives_it(
        self, sets: dict[str, FlagSet], tool: str, number: int, case: Any
    ) -> None:
        found = sets[tool].evaluate(case["flag"], case["context"])
        assert not found.failed, found
        assert found.value == (CODE_DEFAULT if case.get("absent") else case["value"])
        assert type(found.value) is type(CODE_DEFAULT if case.get("absent") else case["value"])

    @pytest.mark.parametrize("tool", TOOLS)
    def test_every_flag_is_reported_and_only_what_can_be_said_is_translated(
        self, translations: dict[str, Translation], tool: str
    ) -> None:
        found = translations[tool]
        assert {report.key: report.fidelity.value for report in found.reports} == SAID[tool]["reports"]
        assert found.flags.keys() == {
            report.key for report in found.reports if report.fidelity is not Fidelity.UNTRANSLATED
        }
        assert all(report.notes for report in found.reports if report.fidelity is not Fidelity.EXACT)

    @pytest.mark.parametrize(
        ("tool", "key", "why"),
        [
            ("launchdarkly", "circle-a", "circle"),
            ("launchdarkly", "regular", "regular expression"),
            ("launchdarkly", "lists", "null or a list"),
            ("launchdarkly", "big-segment", "outside of the document"),
            ("unleash", "in-unknown-segment", "not in the document"),
            ("unleash", "nowhere", "a range of addresses that is none"),
            ("unleash", "by-chance", "chance"),
            ("unleash", "careless", "capital letters"),
            ("unleash", "custom", "no strategy 'beta-testers'"),
            ("growthbook", "circle-b", "circle"),
            ("growthbook", "elements", "$elemMatch"),
            ("growthbook", "several", "several ranges"),
        ],
    )
    def test_it_is_said_why_a_flag_is_not_translated(
        self, translations: dict[str, Translation], tool: str, key: str, why: str
    ) -> None:
        (report,) = [each for each in translations[tool].reports if each.key == key]
        assert why in " ".join(report.notes)

    def test_what_is_archived_is_named_and_left_out(self, translations: dict[str, Translation]) -> None:
        assert "gone is archived, and left out" in translations["launchdarkly"].notes


def launchdarkly(*flags: dict[str, Any]) -> dict[str, Any]:
    on = {"on": True, "offVariation": 1, "fallthrough": {"variation": 1}}
    return {
        "items": [
            {"key": each["key"], "variations": [{"value": True}, {"value": False}],
             "environments": {"production": {**on, **each}}}
            for each in flags
        ]
    }  # fmt: skip


def unleash(parameters: dict[str, Any], variants: list[Any]) -> dict[str, Any]:
    strategy = {"name": "flexibleRollout", "featureName": "f", "parameters": parameters, "variants": variants}
    place = {"featureName": "f", "environment": "production", "enabled": True}
    return {"features": [{"name": "f"}], "featureStrategies": [strategy], "featureEnvironments": [place]}


def growthbook(**rule: Any) -> dict[str, Any]:
    return {"features": {"f": {"defaultValue": "none", "rules": [rule]}}}


def shares(found: Translation, key: str = "f") -> dict[Any, float]:
    """Of many people, in percent."""
    flags = compiled(found)
    given = Counter(str(flags.evaluate(key, {"targetingKey": f"user-{n}", "team": n}).value) for n in range(PEOPLE))
    return {value: 100 * count / PEOPLE for value, count in given.items()}


@pytest.mark.req("FI2")
class TestShares:
    """Who is in a share is decided by another hash, and how many are is not."""

    @pytest.mark.parametrize(
        ("tool", "document", "expected"),
        [
            (
                "launchdarkly",
                launchdarkly({"key": "f", "fallthrough": {"rollout": {"variations": [
                    {"variation": 0, "weight": 30000}, {"variation": 1, "weight": 70000}]}}}),
                {"True": 30, "False": 70},
            ),
            (
                "launchdarkly",
                launchdarkly({"key": "f", "fallthrough": {"rollout": {"bucketBy": "team", "variations": [
                    {"variation": 0, "weight": 60000}, {"variation": 1, "weight": 40000}]}}}),
                {"True": 60, "False": 40},
            ),
            (
                "unleash",
                unleash({"rollout": "40", "stickiness": "default", "groupId": "f"}, []),
                {"True": 40, "False": 60},
            ),
            (
                "unleash",
                unleash({"rollout": "50", "stickiness": "userId"},
                        [{"name": "a", "weight": 500, "stickiness": "userId"}, {"name": "b", "weight": 500}]),
                {"a": 25, "b": 25, "CodeDefault.CODE_DEFAULT": 50},
            ),
            ("growthbook", growthbook(force="some", coverage=0.2, hashAttribute="id"), {"some": 20, "none": 80}),
            (
                "growthbook",
                growthbook(variations=["a", "b"], coverage=0.5, weights=[0.5, 0.5], hashAttribute="id", key="e"),
                {"a": 25, "b": 25, "none": 50},
            ),
            (
                "growthbook",
                growthbook(force="some", namespace=["checkout", 0.25, 0.75], hashAttribute="id"),
                {"some": 50, "none": 50},
            ),
        ],
    )  # fmt: skip
    def test_stay_as_large_as_they_were(self, tool: str, document: Any, expected: dict[str, int]) -> None:
        found = translated(tool, document)
        assert [report.fidelity for report in found.reports] == [Fidelity.DIFFERENT]
        assert shares(found) == {value: pytest.approx(percent, abs=3) for value, percent in expected.items()}

    def test_a_flag_that_depends_on_a_share_sees_the_same_people_in_it(self) -> None:
        halves = {"rollout": {"variations": [{"variation": 0, "weight": 50000}, {"variation": 1, "weight": 50000}]}}
        child = {"key": "f", "fallthrough": {"variation": 0}, "prerequisites": [{"key": "parent", "variation": 0}]}
        flags = compiled(translated("launchdarkly", launchdarkly({"key": "parent", "fallthrough": halves}, child)))
        for number in range(200):
            who = {"targetingKey": f"user-{number}"}
            assert flags.evaluate("f", who).value == flags.evaluate("parent", who).value


@pytest.mark.req("FI2")
class TestDocuments:
    @pytest.mark.parametrize(
        ("tool", "document", "path"),
        [
            ("launchdarkly", {}, "/document/items"),
            ("launchdarkly", {"items": [{"key": "f", "environments": {}}]}, "/document/items/0/variations"),
            (
                "launchdarkly",
                {"items": [{"key": "f", "variations": [], "environments": {"x/y": {"on": 7}}}]},
                "/document/items/0/environments/x~1y/on",
            ),
            ("unleash", {"features": {}}, "/document/features"),
            (
                "unleash",
                {"features": [], "featureStrategies": [{"name": "default"}]},
                "/document/featureStrategies/0/featureName",
            ),
            ("growthbook", {"encryptedFeatures": "abc"}, "/document/features"),
            ("growthbook", {"features": {"f": {"rules": 1}}}, "/document/features/f/rules"),
            ("growthbook", {"features": {"f": {"rules": [{"coverage": ""}]}}}, "/document/features/f/rules/0/coverage"),
            ("flagd", {"flags": 1}, "/document/flags"),
            ("flagd", {"flags": {"f": {"state": "ENABLED", "variants": {}}}}, "/document/flags/f/variants"),
            ("unleash", {"features": []}, "/source_environment"),
        ],
    )  # fmt: skip
    def test_a_malformed_one_is_refused_at_its_place(self, tool: str, document: Any, path: str) -> None:
        with pytest.raises(Invalid) as refusal:
            translated(tool, document)
        assert path in {fault.path for fault in refusal.value.faults}

    def test_one_environment_of_several_is_chosen(self) -> None:
        document = launchdarkly({"key": "f"})
        document["items"][0]["environments"]["test"] = {"on": False, "offVariation": 0}
        with pytest.raises(Invalid) as refusal:
            translated("launchdarkly", document)
        assert refusal.value.faults[0].message == "expected one of production, test"
        assert translated("launchdarkly", document, "production").reports[0].key == "f"

    def test_only_flagd_and_growthbook_have_none(self) -> None:
        with pytest.raises(Invalid) as refusal:
            translated("growthbook", {"features": {}}, "production")
        assert refusal.value.faults[0].path == "/source_environment"

    @pytest.mark.parametrize(
        "condition",
        [
            {"$and": 1}, {"a": {"$in": 1}}, {"a": {"$lt": True}}, {"a": {"$eq": [1]}}, {"a": {"b": 1}}, {"$$": 1},
            {"a.": 1}, {"$flagd": 1}, {"a": {"$size": 1}}, {"$or": [1]}, {"a": {"$in": [{"var": "b"}]}},
        ],
    )  # fmt: skip
    def test_a_condition_that_cannot_be_said_costs_its_flag_only(self, condition: Any) -> None:
        document = growthbook(force="some", condition=condition)
        document["features"]["other"] = {"defaultValue": True}
        assert [report.fidelity.value for report in translated("growthbook", document).reports] == [
            "untranslated",
            "exact",
        ]

    def test_neither_deep_conditions_nor_long_lines_of_prerequisites_cost_more_than_their_flags(self) -> None:
        deep: dict[str, Any] = {"a": 1}
        for _ in range(500):
            deep = {"$not": deep}
        assert [
            each.fidelity.value for each in translated("growthbook", growthbook(force="x", condition=deep)).reports
        ] == ["untranslated"]
        needs = [{"key": f"f{n}", "prerequisites": [{"key": f"f{n + 1}", "variation": 1}] * 2} for n in range(60)]
        found = translated("launchdarkly", launchdarkly(*needs, {"key": "f60"}))
        assert found.reports[0].fidelity is Fidelity.UNTRANSLATED
        assert found.reports[-1].fidelity is Fidelity.EXACT
