"""A shop's settings at the stand-in, and a program that follows them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from changegate import Settings
from standin import TOKEN, StandIn, Value


def settled(api: StandIn) -> StandIn:
    api.values = {
        "billing.gateway": Value("stripe"),
        "billing.limit": Value(100, "integer"),
        "billing.countries": Value(["de", "fr"], "json"),
        "billing.retry": Value("PT1M", "duration"),
        "billing.token": Value("hush", "secret"),
        "shop.open": Value(True, "boolean"),
        "shop.rate": Value(1, "number"),
        "shop.note": Value(None),
    }
    return api


@contextmanager
def following(api: StandIn, **options: Any) -> Iterator[Settings]:
    with Settings(api.url, TOKEN, environment="production", scope="company:de", **options) as settings:
        yield settings


def waits(api: StandIn) -> bool:
    return api.asked[-1].path == "/watch" and "cursor" in api.asked[-1].query


def holds(settings: Settings, gateway: str) -> bool:
    return bool(settings.get("billing.gateway") == gateway)
