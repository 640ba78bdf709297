"""The examples of the README do what it says, as they stand there."""

import re
from pathlib import Path
from typing import Any

import pytest
from relaying import Post
from sqlalchemy import text
from temporal_outbox.delivery import relay_of
from temporal_outbox.table import Outbox

README = Path(__file__).parents[1] / "README.md"


async def test_the_examples_run(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", post.database)
    monkeypatch.setenv("TEMPORAL_ADDRESS", post.temporal)
    said: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL):
        exec(block, said)  # noqa: S102 -- that is the test
    said["outbox"] = post.outbox
    async with post.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE IF NOT EXISTS purchase (number int PRIMARY KEY)"))
    await said["take_order"](7)
    await said["pay"](7)
    assert [row.key for row in await post.rows()] == ["start/ship-7", "signal/ship-7/payment-1"]
    assert await relay_of(said["engine"], post.client, post.outbox).round() == 2
    assert await post.states() == ["passed", "passed"]
    await said["engine"].dispose()
    assert said["Outbox"] is Outbox
