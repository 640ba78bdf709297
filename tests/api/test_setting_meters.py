"""Prometheus is told how often each level of the cache had what was asked of settings."""

from typing import Any

import pytest

from api.meters import Meters
from application.settings.tally import Tally

pytestmark = pytest.mark.req("FR-CFG-009")


def test_every_level_has_its_counts_and_its_rate() -> None:
    told = Meters(Tally(9, 1, 1, 3, invalidations=5, refused=2)).exposition().decode().splitlines()
    assert [line for line in told if line.startswith("changegate_cache_")] == [
        'changegate_cache_requests_total{level="l1",result="hit"} 9.0',
        'changegate_cache_requests_total{level="l1",result="miss"} 1.0',
        'changegate_cache_requests_total{level="l2",result="hit"} 1.0',
        'changegate_cache_requests_total{level="l2",result="miss"} 3.0',
        'changegate_cache_hit_rate{level="l1"} 0.9',
        'changegate_cache_hit_rate{level="l2"} 0.25',
        "changegate_cache_invalidations_total 5.0",
        "changegate_cache_stale_refused_total 2.0",
    ]


def test_what_was_never_asked_has_no_rate() -> None:
    assert 'changegate_cache_hit_rate{level="l2"}' not in Meters(Tally(1)).exposition().decode()


async def test_a_reading_over_http_is_counted(world: Any, house: Any, ask: Any) -> None:
    wish = {"definition": {"key": "limit", "type": "integer", "default": 1, "scopes": ["tenant"]}, "reason": "to read"}
    assert (await ask("ada", "POST", "/setting-definitions", json=wish)).status_code == 201
    for _ in range(3):
        assert (await ask("eve", "GET", "/settings/limit/effective?environment=dev")).status_code == 200
    async with world.client(house) as client:
        told = (await client.get("/metrics")).text
    hits = next(line for line in told.splitlines() if 'level="l1",result="hit"' in line)
    assert float(hits.split(" ")[1]) >= 2
