"""What closes are made by and proven with: templates of tasks, and evidence."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from application.ports.closures import ClosureTemplate
from domain.canonical import Json
from domain.closures import (
    ClosureTask,
    Evidence,
    EvidenceAltered,
    EvidenceRetained,
    Template,
    sha256_of,
)
from domain.errors import Stale
from tests.contract.closing import LATER, added, plan
from tests.contract.homes import LONG_AGO, Home


class TestTemplates:
    async def test_are_written_over_the_version_before(self, home: Home) -> None:
        first = ClosureTemplate(Template("month-end", 1, (plan(home, "bank"),)), home.ada.id, LONG_AGO, "because")
        second = replace(first, template=replace(first.template, version=2, tasks=()))
        other = replace(first, template=replace(first.template, code="year-end"))
        async with home.transaction() as tx:
            assert await tx.closure_papers.template("month-end") is None
            for each in (first, second, other):
                await tx.closure_papers.put_template(each)
            assert await tx.closure_papers.template("month-end") == second
            assert await tx.closure_papers.template("month-end", 1) == first
            assert await tx.closure_papers.template("month-end", 3) is None
            assert await tx.closure_papers.templates("", 9) == [second, other]
            assert await tx.closure_papers.templates("month-end", 9) == [other]
        with pytest.raises(Stale):
            async with home.transaction() as tx:
                await tx.closure_papers.put_template(second)


class TestEvidence:
    async def kept(self, home: Home, **given: Any) -> Evidence:
        run = await added(home)
        facts: Json = {
            "id": uuid4(), "run": run.id, "task": "bank", "name": "a.pdf", "media_type": "application/pdf", "size": 3,
            "sha256": sha256_of(b"abc"), "added_by": home.ada.id, "added_at": LONG_AGO, "retained_until": LATER,
            "basis": "sha256:1",
        }  # fmt: skip
        async with home.transaction() as tx:
            await tx.closures.put_tasks([ClosureTask(uuid4(), run.id, plan(home, "bank"))])
        return Evidence(**{**facts, **given})

    @pytest.mark.req("FP60")
    async def test_is_its_bytes(self, home: Home) -> None:
        evidence = await self.kept(home)
        with pytest.raises(EvidenceAltered):
            async with home.transaction() as tx:
                await tx.closure_papers.keep(evidence, b"abd")
        async with home.transaction() as tx:
            await tx.closure_papers.keep(evidence, b"abc")
            assert await tx.closure_papers.evidence(evidence.id) == evidence
            assert await tx.closure_papers.content(evidence.id) == b"abc"
            assert await tx.closure_papers.evidence_of(evidence.run) == [evidence]
            assert await tx.closure_papers.evidence_of(uuid4()) == []
            await tx.closure_papers.drop(evidence.id)
            assert await tx.closure_papers.evidence(evidence.id) is None
            assert await tx.closure_papers.content(evidence.id) is None

    @pytest.mark.req("FP60")
    async def test_stays_until_its_time_is_over(self, home: Home) -> None:
        evidence = await self.kept(home, retained_until=LONG_AGO + timedelta(days=36500))
        async with home.transaction() as tx:
            await tx.closure_papers.keep(evidence, b"abc")
        with pytest.raises(EvidenceRetained):
            async with home.transaction() as tx:
                await tx.closure_papers.drop(evidence.id)
