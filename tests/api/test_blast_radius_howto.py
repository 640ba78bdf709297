"""The page about whom a change changes is one program that runs as it is written."""

import pytest

from tests.api.howtos import Follow


@pytest.mark.req("BR1", "BR2")
async def test_every_command_does_what_the_page_says(follow: Follow) -> None:
    told = await follow("blast-radius", "root")
    assert "given 2 2" in told
    assert "8 contexts are sampled" in told
    assert '"source":"sampled","hashed":true,"contexts":8,"changed":8' in told
    assert told.endswith("0\n")
