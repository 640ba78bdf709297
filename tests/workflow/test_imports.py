"""Imports of uploads on the real server and the real database: validated, planned, approved, applied as a whole."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle

from adapters.memory.secrets import MemorySealer
from application.approvals import VoteWish
from application.ports.imports import ImportRecord, ImportState, Progress
from application.settings.cases import SettingCases
from application.settings.imports import ImportEnded, ImportSubmitted, ImportWish
from application.settings.moving import BundleCases
from application.settings.reading import Question
from domain.approvals import Answer
from domain.audit import Action
from domain.environments import Environment
from domain.rollouts import State
from domain.settings import Bundle, Definition, EntryState, Line, Scope, SettingType
from tests.workflow.theatre import CLASSIC, PRODUCTION, Theatre, seen
from workflows.configuration_import import ConfigurationImportWorkflow

DEV = Environment.DEV
LIMIT = Definition("upload.limit", SettingType.INTEGER, scopes=("tenant", "company"), default=10)
WHY = "because of the story"


def bundle(stage: Theatre, *values: Any, flags: Any = None) -> Bundle:
    """The n-th value stands at the n-th company."""
    lines = [Line("upload.limit", Scope(f"company:c{n:04}"), EntryState.SET, value) for n, value in enumerate(values)]
    return Bundle(stage.house.tenant.slug, DEV, (LIMIT,), tuple(lines), flags)


class Stagehand:
    """Uploads and asks as ada."""

    def __init__(self, stage: Theatre) -> None:
        self.stage = stage
        self.settings = SettingCases.over(stage.store, stage.submission, MemorySealer())
        self.cases = BundleCases.over(stage.store, stage.processes, self.settings.transfer)

    async def ask(self, brought: Bundle, environment: Environment = DEV, **options: Any) -> UUID:
        async def stream() -> AsyncIterator[bytes]:
            yield json.dumps(brought.to_json()).encode()

        upload = await self.cases.uploads.take(self.stage.house.ada, uuid4(), stream())
        wish = ImportWish(upload.id, environment, WHY, **options)
        record = await self.cases.imports.request(self.stage.house.ada, uuid4(), wish)
        self.stage.played.append(record.id)
        return record.id

    async def end(self, record: UUID) -> ImportRecord:
        """How the workflow says that it ended; it may only say what the database holds."""
        result = await self.handle(record).result()
        found, _ = await self.look(record)
        assert ImportState(result["state"]) is found.state
        return found

    def handle(self, record: UUID) -> WorkflowHandle[Any, Any]:
        return self.stage.client.get_workflow_handle(f"import/{record}")

    async def look(self, record: UUID) -> tuple[ImportRecord, Progress]:
        return await self.cases.imports.get(self.stage.house.eve, record)

    async def value(self, scope: str, environment: Environment = DEV) -> Any:
        question = Question(environment, Scope(scope))
        return (await self.settings.reads.effective(self.stage.house.eve, question, "upload.limit")).resolution.value


@pytest.fixture
def hand(unmanned: Theatre) -> Stagehand:
    return Stagehand(unmanned)


@pytest.mark.req("FR-SM-031", "ST82")
class TestAtOnce:
    async def test_everything_holds_and_people_see_it(self, hand: Stagehand, stage: Theatre) -> None:
        record = await hand.ask(bundle(stage, *range(50), flags={"checkout": CLASSIC}))
        found = await hand.end(record)
        assert (found.state, found.change, found.outcome["counts"]["values"]) == (
            ImportState.APPLIED, None, {"added": 50},
        )  # fmt: skip
        assert [await hand.value(f"company:c{n:04}") for n in (0, 49)] == [0, 49]
        assert (await hand.look(record))[1].phase == "ended"
        assert [event["outcome"] for event in await stage.audited(Action.IMPORT_ENDED)] == ["success"]
        status = await hand.handle(record).query(ConfigurationImportWorkflow.status)
        assert (status.phase, status.state) == ("ended", ImportState.APPLIED)
        description = await hand.handle(record).describe()
        assert await description.static_summary() == "Import of a bundle into dev"
        shown = {pair.key.name: pair.value for pair in description.typed_search_attributes.search_attributes}
        assert (shown["State"], shown["Environment"], shown["Requester"]) == ("APPLIED", "dev", "ada")
        async with stage.store.transaction(stage.house.id) as tx:
            assert await tx.uploads.all() == []

    async def test_again_changes_nothing(self, hand: Stagehand, stage: Theatre) -> None:
        brought = bundle(stage, 1)
        for state in (ImportState.APPLIED, ImportState.UNCHANGED):
            assert (await hand.end(await hand.ask(brought))).state is state
        assert len(await stage.audited(Action.SETTING_CHANGED)) == 1

    async def test_a_dry_run_ends_with_its_plan(self, hand: Stagehand, stage: Theatre) -> None:
        found = await hand.end(await hand.ask(bundle(stage, 1, 2), dry_run=True))
        assert found.state is ImportState.PLANNED
        assert [step["op"] for step in found.outcome["values"]] == ["added", "added"]
        async with stage.store.transaction(stage.house.id) as tx:
            assert [each.id for each in await tx.uploads.all()] == [found.upload]
            assert await tx.settings.definition("upload.limit") is None

    async def test_one_bad_item_fails_it_with_every_fault(self, hand: Stagehand, stage: Theatre) -> None:
        found = await hand.end(await hand.ask(bundle(stage, 1, "x", 3, "y")))
        assert found.state is ImportState.FAILED
        assert [fault["path"] for fault in found.outcome["refusal"]["faults"]] == [
            "/bundle/values/1/value", "/bundle/values/3/value",
        ]  # fmt: skip
        async with stage.store.transaction(stage.house.id) as tx:
            assert await tx.settings.definition("upload.limit") is None


@pytest.mark.req("FR-SM-031")
class TestGoverned:
    async def test_waits_for_its_change_and_then_holds(self, hand: Stagehand, stage: Theatre) -> None:
        await hand.settings.definitions.create(stage.house.ada, LIMIT.to_json(), WHY)
        record = await hand.ask(bundle(stage, 20, 30), PRODUCTION, sync=True)
        await seen(lambda: stands(hand, record, ImportState.AWAITING_APPROVAL))
        with pytest.raises(ImportSubmitted):
            await hand.cases.imports.cancel(stage.house.ada, record, WHY)
        await stage.approve(record, stage.house.bob, stage.house.cyd)
        assert await stage.end(record) is State.SUCCEEDED
        found = await hand.end(record)
        assert (found.state, found.change) == (ImportState.APPLIED, record)
        assert [await hand.value(f"company:c{n:04}", PRODUCTION) for n in (0, 1)] == [20, 30]
        drifted = await hand.cases.syncs.drift(stage.house.eve, PRODUCTION, bundle(stage, 20, 30).to_json())
        assert drifted.base is not None
        assert (drifted.base.change, drifted.drifts) == (record, ())

    async def test_a_rejected_change_ends_it(self, hand: Stagehand, stage: Theatre) -> None:
        await hand.settings.definitions.create(stage.house.ada, LIMIT.to_json(), WHY)
        record = await hand.ask(bundle(stage, 20), PRODUCTION)
        await seen(lambda: stands(hand, record, ImportState.AWAITING_APPROVAL))
        await stage.approvals.vote(stage.house.bob, record, VoteWish(Answer.REJECT, "not this quarter, please"))
        found = await hand.end(record)
        assert (found.state, found.outcome["rollout"]["state"]) == (ImportState.REJECTED, "REJECTED")
        assert await hand.value("company:c0000", PRODUCTION) == 10


async def stands(hand: Stagehand, record: UUID, state: ImportState) -> bool:
    return (await hand.look(record))[0].state is state


@pytest.mark.req("FR-SM-031")
class TestCancelled:
    async def test_before_it_has_begun_nothing_takes_effect(self, hand: Stagehand, unmanned: Theatre) -> None:
        record = await hand.ask(bundle(unmanned, 1))
        await hand.cases.imports.cancel(unmanned.house.ada, record, WHY)
        async with unmanned.worker():
            assert (await hand.end(record)).state is ImportState.CANCELLED
        again = await hand.cases.imports.cancel(unmanned.house.ada, record, WHY)
        assert again.state is ImportState.CANCELLED
        assert len(await unmanned.audited(Action.IMPORT_CANCELLED)) == 1
        assert await unmanned.audited(Action.SETTING_CHANGED) == []

    async def test_in_the_temporal_ui_it_ends_the_same_way(self, hand: Stagehand, unmanned: Theatre) -> None:
        record = await hand.ask(bundle(unmanned, 1))
        await hand.handle(record).cancel()
        async with unmanned.worker():
            with pytest.raises(WorkflowFailureError):
                await hand.handle(record).result()
        assert (await hand.look(record))[0].state is ImportState.CANCELLED

    async def test_once_it_has_taken_effect_it_is_too_late(self, hand: Stagehand, stage: Theatre) -> None:
        record = await hand.ask(bundle(stage, 1))
        await hand.end(record)
        with pytest.raises(ImportEnded):
            await hand.cases.imports.cancel(stage.house.ada, record, WHY)
