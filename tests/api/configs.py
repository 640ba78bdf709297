"""Configs as a client makes and writes them."""

from typing import Any

import pytest

from application.configs.naming import ConfigName
from domain.environments import Environment

WHY = {"reason": "because of the test"}


KEY = "billing.gateway"


TEXT = {"type": "string", "tags": ["billing"]}


def place(environment: str = "dev", key: str = KEY, what: str = "") -> str:
    return f"/configs/{ConfigName(Environment(environment), key).id}{what}"


def over(version: int) -> dict[str, str]:
    return {"If-Match": f'"v{version}"'}


@pytest.fixture
def make(ask: Any) -> Any:
    async def made(value: Any = "stripe", environment: str = "dev", key: str = KEY, **more: Any) -> Any:
        wish = {"environment": environment, "key": key, "value": value, "definition": TEXT, **WHY, **more}
        return await ask("ada", "POST", "/configs", json=wish)

    return made


@pytest.fixture
def put(ask: Any) -> Any:
    async def written(value: Any, version: int, environment: str = "dev", key: str = KEY, **more: Any) -> Any:
        body = {"value": value, **WHY, **more}
        return await ask("ada", "PUT", place(environment, key), json=body, headers=over(version))

    return written
