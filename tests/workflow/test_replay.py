"""Histories that earlier code wrote replay with the present code: what runs now goes on after an upgrade."""

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from adapters.temporal.worker import WORKFLOWS, sandbox
from tests.workflow.record import (
    BULKS,
    CHUNKS,
    CLOSURES,
    HISTORIES,
    LONG_COMMANDS,
    PROCESSES,
    REOPENINGS,
    REPAIRS,
    SERIES,
    STORIES,
)
from workflows.command import CommandWorkflow
from workflows.command_chunk import CommandChunkWorkflow
from workflows.saga import SagaWorkflow

RECORDED = sorted(HISTORIES.glob("*.json"))


def recorded(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, json.loads(path.read_text()))


class TestRecordedHistories:
    @pytest.mark.req("CB-56")
    @pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
    async def test_each_replays(self, path: Path) -> None:
        known = [*WORKFLOWS, CommandChunkWorkflow, CommandWorkflow, SagaWorkflow]
        replayer = Replayer(workflows=known, workflow_runner=sandbox(), data_converter=pydantic_data_converter)
        await replayer.replay_workflow(recorded(path))

    def test_every_story_was_recorded(self) -> None:
        names = [path.stem for path in RECORDED]
        for story in STORIES:
            assert any(name.endswith(f"{story}-rollout") for name in names)
            assert any(name.endswith(f"{story}-approval") for name in names)
        for story in CLOSURES:
            assert any(name.endswith(f"{story}-closure") for name in names)
        for story in REOPENINGS:
            assert any(name.endswith(f"{story}-reopening") for name in names)
        for story in SERIES:
            assert any(name.endswith(f"{story}-series") for name in names)
        for story in REPAIRS:
            assert any(name.endswith(f"{story}-repair") for name in names)
        for story in CHUNKS:
            assert any(name.endswith(f"{story}-chunk") for name in names)
        for story in LONG_COMMANDS:
            assert any(name.endswith(f"{story}-command") for name in names)
        for story in BULKS:
            assert any(name.endswith(f"{story}-bulk") for name in names)
        for story in PROCESSES:
            assert any(name.endswith(f"{story}-process") for name in names)
