"""Many at once, on the real database: a config is made once, and no two environments break a rule between them."""

import asyncio
from typing import Any

import pytest

WHY = {"reason": "because of the test"}


def over(version: int) -> dict[str, str]:
    return {"If-Match": f'"v{version}"'}


@pytest.fixture
async def free(ask: Any) -> None:
    for environment in ("dev", "qa", "staging", "production"):
        path = f"/policies/{environment}?kind=setting"
        answer = await ask("root", "PUT", path, json={"policy": {"levels": []}, **WHY}, headers=over(0))
        assert answer.status_code == 200, answer.text


def statuses(answers: list[Any]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


@pytest.mark.req("FR-CFG-002")
class TestMaking:
    async def test_the_same_config_at_once_makes_it_once(self, ask: Any) -> None:
        for number in range(3):
            wish = {"environment": "dev", "key": f"k{number}", "definition": {"type": "integer"}, **WHY}
            made = await asyncio.gather(
                *(ask("ada", "POST", "/configs", json={**wish, "value": value}) for value in range(6))
            )
            assert statuses(made) == [201] + [409] * 5
            (value,) = [each.json()["entries"][0]["value"] for each in made if each.status_code == 201]
            listed = await ask("eve", "GET", f"/settings/k{number}/effective?environment=dev")
            assert listed.json()["value"] == value

    async def test_one_key_in_every_environment_at_once_defines_it_once(self, ask: Any, free: None) -> None:
        wish = {"key": "everywhere", "definition": {"type": "integer"}, "value": 1, **WHY}
        made = await asyncio.gather(
            *(
                ask("ada", "POST", "/configs", json={**wish, "environment": environment})
                for environment in ("production", "dev", "staging", "qa")
            )
        )
        assert statuses(made) == [201] * 4
        versions = (await ask("eve", "GET", "/setting-definitions/everywhere/versions")).json()["items"]
        assert [each["version"] for each in versions] == [1]


@pytest.mark.req("FR-CFG-003")
class TestFallingBack:
    async def test_staging_and_production_break_no_rule_between_them(self, ask: Any, define: Any, free: None) -> None:
        for key in ("stripe", "paypal"):
            await define(key=key, type="boolean", fallback="staging")
        rule = {"kind": "conflict", "name": "apart", "between": [{"key": "stripe"}, {"key": "paypal"}]}
        ruled = await ask("ada", "PUT", "/setting-rules", json={"rules": [rule], **WHY}, headers=over(0))
        assert ruled.status_code == 200, ruled.text
        for _ in range(5):
            items = [("staging", "stripe"), ("production", "paypal")]
            answers = await asyncio.gather(
                *(
                    ask("ada", "POST", "/settings/bulk", json={
                        "environment": environment, "items": [{"key": key, "value": True}], **WHY,
                    })
                    for environment, key in items
                )
            )  # fmt: skip
            assert statuses(answers) == [200, 422]
            seen = [
                (await ask("eve", "GET", f"/settings/{key}/effective?environment=production")).json()["value"]
                for key in ("stripe", "paypal")
            ]
            assert seen.count(True) == 1
            for environment, key in items:
                undone = {"environment": environment, "items": [{"key": key, "unset": True}], **WHY}
                assert (await ask("ada", "POST", "/settings/bulk", json=undone)).status_code == 200

    async def test_writers_of_both_wait_for_each_other_and_none_for_ever(
        self, ask: Any, define: Any, free: None
    ) -> None:
        await define(key="limit", type="integer", default=0, fallback="staging")
        await define(key="other", type="integer", default=0)
        answers = await asyncio.gather(
            *(
                ask("ada", "POST", "/settings/bulk", json={
                    "environment": ("staging", "production")[number % 2],
                    "items": [{"key": ("limit", "other")[number % 2], "value": number}], **WHY,
                })
                for number in range(16)
            )
        )  # fmt: skip
        assert statuses(answers) == [200] * 16
        staging, production = [
            (await ask("eve", "GET", f"/settings/limit/effective?environment={environment}")).json()["value"]
            for environment in ("staging", "production")
        ]
        assert staging == production
        assert staging % 2 == 0
