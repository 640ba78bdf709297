"""A shop's flags at the stand-in, and a program that evaluates them through OpenFeature."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from changegate.openfeature import THREAD, ChangegateProvider
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from standin import TOKEN, StandIn

CHECKOUT = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
OPEN = {**CHECKOUT, "defaultVariant": "on"}
ADA = EvaluationContext("ada", {"plan": "pro"})


def flag(default: str | None, targeting: Any = None, **variants: Any) -> dict[str, Any]:
    made = {"state": "ENABLED", "variants": variants, "defaultVariant": default}
    return made if targeting is None else {**made, "targeting": targeting}


class Program:
    """What it was told, in order."""

    def __init__(self, client: OpenFeatureClient, provider: ChangegateProvider) -> None:
        self.client, self.provider = client, provider
        self.told: list[tuple[str, list[str]]] = []
        for event in ProviderEvent:
            client.add_handler(event, self._note(event))

    def _note(self, event: ProviderEvent) -> Any:
        def noted(details: EventDetails) -> None:
            self.told.append((event.name.removeprefix("PROVIDER_"), details.flags_changed or []))

        return noted

    @property
    def status(self) -> str:
        return self.client.get_provider_status().name

    def on(self, key: str = "checkout") -> bool:
        return self.client.get_boolean_value(key, False, ADA)

    def said(self, kind: str) -> list[list[str]]:
        return [keys for event, keys in self.told if event == kind]


@contextmanager
def running(shop: StandIn, **options: Any) -> Iterator[Program]:
    """It begins in whatever state it can."""
    given = {"environment": "production", "patience": 5.0, **options}
    provider, domain = ChangegateProvider(shop.url, given.pop("token", TOKEN), **given), f"shop-{uuid4()}"
    client = api.get_client(domain)
    program = Program(client, provider)
    try:
        api.set_provider(provider, domain)
        yield program
    finally:
        provider.shutdown()


def threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == THREAD]


def polls(shop: StandIn) -> bool:
    """It has what there is, and waits for more."""
    asked = shop.asked[-1] if shop.asked else None
    return asked is not None and asked.query.get("wait", "0") != "0" and asked.headers["if-none-match"] == (
        f'"{shop.revision}"'
    )  # fmt: skip
