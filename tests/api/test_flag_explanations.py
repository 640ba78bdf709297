"""Who may read flags is told why a context gets a variant: of what is served, of a version, of a draft."""

from typing import Any

import pytest

RULE = {"if": [{"==": [{"var": "country"}, "DE"]}, {"fractional": [["on", 25_000], ["off", 75_000]]}]}
FLAG: dict[str, Any] = {
    "state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off", "targeting": RULE,
}  # fmt: skip
WHY = {"reason": "because of the test"}
HERE = "/flags/checkout/explain?environment=dev"
SECRET = "4111-1111-1111-1111"
CONTEXT = {"targetingKey": "globex", "country": "DE", "card": SECRET}


@pytest.fixture
async def flag(ask: Any) -> None:
    wish = {"environment": "dev", "key": "checkout", "definition": FLAG, **WHY}
    assert (await ask("ada", "POST", "/flags", json=wish)).status_code == 201


async def explained(ask: Any, **wish: Any) -> Any:
    return await ask("eve", "POST", HERE, json={"context": CONTEXT, **wish})


@pytest.mark.req("FL5")
class TestExplaining:
    async def test_it_agrees_with_the_evaluation(self, ask: Any, flag: None) -> None:
        told = (await explained(ask)).json()
        evaluated = await ask("eve", "POST", "/flags/checkout/evaluate?environment=dev", json={"context": CONTEXT})
        assert told["evaluation"] == evaluated.json()
        assert told["bucketing"] == "v3"
        (split,) = [step["split"] for step in told["rule"]["steps"] if step["split"]]
        (arm,) = [arm for arm in split["arms"] if arm["taken"]]
        assert (split["by"], split["names_nothing"], split["total"]) == (["checkout", "globex"], True, 100_000)
        assert split["bucket"] == split["hash"] * 100_000 >> 32
        assert arm["first"] <= split["bucket"] <= arm["last"]
        assert arm["variant"] == told["evaluation"]["variant"]
        assert told["sentence"].startswith(f"globex gets `{arm['variant']}`: rule 1 matched (country is DE), share ")

    async def test_an_earlier_version_and_a_draft_are_explained_as_well(self, ask: Any, flag: None) -> None:
        second = {**FLAG, "targeting": {"if": [{"var": "country"}, "on"]}}
        answer = await ask("ada", "PUT", "/flags/checkout?environment=dev", json={"definition": second, **WHY},
                           headers={"If-Match": '"v1"'})  # fmt: skip
        assert answer.status_code == 200
        draft = {**FLAG, "targeting": {"if": [{"!": {"var": "country"}}, "on"]}}
        first = (await explained(ask, version=1)).json()
        assert first["rule"]["steps"][1]["operator"] == "fractional"
        assert (await explained(ask, version=2)).json()["evaluation"]["variant"] == "on"
        assert (await explained(ask, definition=draft)).json()["evaluation"]["reason"] == "DEFAULT"
        assert (await ask("eve", "GET", "/flags/checkout?environment=dev")).json()["version"] == 2

    async def test_what_people_wrote_is_named_in_what_is_published(self, ask: Any, flag: None) -> None:
        german = {"segment": {"when": {"attribute": "country", "is": ["DE"]}}}
        wish = {"evaluators": {"german": german}, **WHY}
        answer = await ask("ada", "PUT", "/evaluators?environment=dev", json=wish, headers={"If-Match": '"v0"'})
        assert answer.status_code == 200, answer.text
        base = {"state": "ENABLED", "variants": {"on": True, "off": False}}
        basket = {**base, "defaultVariant": "off", "targeting": {"if": [{"var": "vip"}, "on"]}}
        answer = await ask("ada", "POST", "/flags", json={
            "environment": "dev", "key": "basket", "definition": basket, **WHY,
        })  # fmt: skip
        assert answer.status_code == 201, answer.text
        authored = {
            "off": "off",
            "prerequisites": [{"flag": "basket", "variants": ["on"]}],
            "rules": [{"when": {"segment": "german"}, "serve": "on"}],
            "serve": "off",
        }
        wish = {"environment": "dev", "key": "fresh", "definition": {**base, "authoring": authored}, **WHY}
        answer = await ask("ada", "POST", "/flags", json=wish)
        assert answer.status_code == 201, answer.text

        async def sentence(**context: Any) -> str:
            path = "/flags/fresh/explain?environment=dev"
            answer = await ask("eve", "POST", path, json={"context": context, "definition": wish["definition"]})
            assert answer.status_code == 200, answer.text
            return str(answer.json()["sentence"])

        assert await sentence(vip=True, country="DE") == "This context gets `on`: rules/0 matched (`german` holds)."
        assert await sentence(country="DE") == (
            "This context gets `off`: prerequisites matched (prerequisite `basket` does not hold)."
        )

    async def test_a_draft_needs_no_flag(self, ask: Any) -> None:
        answer = await ask("eve", "POST", "/flags/fresh/explain?environment=dev", json={"definition": FLAG})
        assert answer.json()["evaluation"]["reason"] == "DEFAULT"

    @pytest.mark.parametrize(
        ("wish", "status", "path"),
        [
            ({"version": 9}, 404, None),
            ({"version": 1, "definition": FLAG}, 422, "/definition"),
            ({"definition": {**FLAG, "state": "PERHAPS"}}, 422, "/definition/state"),
            ({"definition": {**FLAG, "targeting": {"$ref": "nobody"}}}, 422, "/definition/targeting/$ref"),
            ({"context": [1]}, 422, "/context"),
        ],
    )
    async def test_what_cannot_be_explained_is_refused(
        self, ask: Any, flag: None, wish: dict[str, Any], status: int, path: str | None
    ) -> None:
        answer = await explained(ask, **wish)
        assert (answer.status_code, [fault["path"] for fault in answer.json().get("faults", [])]) == (
            status, [path] if path else [],
        )  # fmt: skip

    async def test_without_a_flag_it_is_404(self, ask: Any) -> None:
        assert (await explained(ask)).status_code == 404

    async def test_it_leaves_no_trace_of_the_context(
        self, ask: Any, flag: None, capfd: pytest.CaptureFixture[str], house: Any
    ) -> None:
        wrong = await explained(ask, definition={**FLAG, "state": "PERHAPS"})
        assert (await explained(ask)).status_code == 200
        trail = await ask("aud", "GET", "/audit-logs")
        assert SECRET not in wrong.text + trail.text + "".join(capfd.readouterr())
