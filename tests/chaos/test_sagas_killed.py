"""Who is killed while a process is carried on, or told to go on, loses nothing of it: no step takes effect twice."""

from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from adapters.embedded.stack import Stack
from adapters.postgres.store import PostgresStore
from application.commands.handling import Handlers
from application.sagas.declaring import ProcessBook
from application.sagas.starting import Starting
from domain.sagas import Saga, SagaState, Wish
from tests.chaos.conftest import died_leading, eventually, running
from tests.chaos.doomed_sagas import Doomed
from tests.conftest import House
from tests.works import SCHEMA

TYPE = "doomed.travel"
S = SagaState
FORTH = ["plan", "send:two", "write:two"]
BACK = ["undo:two", "write:one-back"]
pytestmark = pytest.mark.timeout(600)


@pytest.mark.req("S067")
@pytest.mark.parametrize(
    ("arrives", "deadly", "end", "effects"),
    [
        (True, FORTH, S.COMPLETED, ["one", "two", "three"]),
        (False, BACK, S.COMPENSATED, ["one", "two", "two:undo", "one:undo"]),
    ],
    ids=["forth", "back"],
)
async def test_killed_wherever_it_can_be_it_takes_effect_once(  # noqa: PLR0917 -- fixtures and rows
    arrives: bool, deadly: list[str], end: SagaState, effects: list[str],  # noqa: FBT001 -- a row of the table
    neighbourhood: House, store: PostgresStore, stack: Stack, surroundings: dict[str, str], tmp_path: Path,
) -> None:  # fmt: skip
    owner = await asyncpg.connect(stack.endpoints.database_superuser_url)
    await owner.execute(SCHEMA)
    await store.put_process_types(ProcessBook(Doomed()).types())
    await store.put_command_types(Handlers(Doomed()).types())
    name = f"j-{uuid4().hex[:8]}"
    data = {"folder": str(tmp_path), "deadly": deadly, "arrives": arrives}
    await Starting(store).start(neighbourhood.ada, Wish(TYPE, name, data))

    async def over() -> Saga | None:
        async with store.transaction(neighbourhood.id) as tx:
            found = await tx.sagas.get((TYPE, name))
        return found if found is not None and found.over else None

    env = {**surroundings, "CHANGEGATE_HANDLERS": "tests.chaos.doomed_sagas:Doomed"}
    await died_leading([(neighbourhood.id, point) for point in ("process-found", "process-started")], env, tmp_path)
    async with running("-m", "tests.chaos.doomed_again", env=env, log=tmp_path / "worker.log"):
        saga = await eventually(over, 120)
    assert saga.state is end
    assert sorted((tmp_path / "deaths").read_text().splitlines()) == sorted(deadly)
    rows = await owner.fetch("SELECT command FROM works.effect WHERE command LIKE $1", f"{TYPE}:{name}:%")
    assert sorted(row["command"] for row in rows) == sorted(f"{TYPE}:{name}:{each}" for each in effects)
    await owner.execute("DELETE FROM works.effect WHERE tenant_id = $1", neighbourhood.id)
    await owner.close()
