"""Whoever follows the type of a problem finds what it means, and needs no token for it."""

import subprocess
import sys
from html import escape
from typing import Any

import pytest

from api.kinds import OTHERS, Kind, kind_of, kinds, on_the_wire
from docs import generate

KINDS = [kind_of(each) for each in generate.refusals() if on_the_wire(each)]


async def read(world: Any, house: Any, path: str) -> Any:
    async with world.client(house) as client:
        return await client.get(path)


class TestKind:
    @pytest.mark.parametrize("kind", [*KINDS, *OTHERS], ids=lambda kind: kind.name)
    async def test_each_is_a_page_for_anybody(self, world: Any, house: Any, kind: Kind) -> None:
        page = await read(world, house, f"/problems/{kind.name}")
        assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert f"<code>{kind.name}</code></a>, status {kind.status}" in page.text
        assert page.text.count("<dd>") == 1

    async def test_the_page_has_the_sentence_that_the_problem_had(self, world: Any, house: Any) -> None:
        problem = await read(world, house, "/api/v1/me")
        page = await read(world, house, problem.json()["type"])
        assert f"<dd>{escape(problem.json()['title'])}</dd>" in page.text
        assert f"status {problem.status_code}<" in page.text

    @pytest.mark.parametrize("kind", ["nothing", "refused/x", "<script>", "..%2fme"])
    async def test_no_such_kind_is_a_problem_itself(self, world: Any, house: Any, kind: str) -> None:
        answer = await read(world, house, f"/problems/{kind}")
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")

    async def test_all_stand_on_one_page(self, world: Any, house: Any) -> None:
        page = await read(world, house, "/problems")
        assert page.text.count("<dt>") == len(kinds())
        assert all(f'href="/problems/{kind.name}"' in page.text for kind in KINDS)

    async def test_what_only_the_terminal_says_has_no_page(self, world: Any, house: Any) -> None:
        for each in generate.refusals():
            if not on_the_wire(each):
                assert (await read(world, house, f"/problems/{each.kind}")).status_code == 404

    def test_the_composed_api_knows_every_kind(self) -> None:
        asked = "import bootstrap, api.app; from api.kinds import kinds; print(*(each.name for each in kinds()))"
        told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
        assert set(told.split()) == {kind.name for kind in (*KINDS, *OTHERS)}
