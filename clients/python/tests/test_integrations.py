"""Each framework's own client finds that a request's flags know who asks, and that what it met is counted."""

import sys
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import django
import pytest
from changegate.integrations import asgi, wsgi
from changegate.integrations.django import FlagsMiddleware as DjangoFlags
from changegate.openfeature import ChangegateProvider
from changegate.telemetry import Telemetry
from django.conf import settings
from django.http import HttpResponse
from django.test import AsyncClient, Client
from django.urls import path
from fastapi import FastAPI
from fastapi.testclient import TestClient
from openfeature import api as features
from openfeature.evaluation_context import EvaluationContext
from openfeature.transaction_context import clear_transaction_context_propagator
from shop import flag
from standin import TOKEN, StandIn
from werkzeug.test import Client as WsgiClient

DARK = flag("light", {"if": [{"==": [{"var": "targetingKey"}, "ada"]}, "dark"]}, dark="d", light="l")


@pytest.fixture
def telemetry(api: StandIn) -> Iterator[Telemetry]:
    """Beside flags that the whole program has."""
    api.serve(theme=DARK)
    made = Telemetry(api.url, TOKEN, environment="production", every=3600.0)
    features.set_provider_and_wait(ChangegateProvider(api.url, TOKEN, environment="production", telemetry=made))
    yield made
    features.clear_providers()
    clear_transaction_context_propagator()
    made.close()


@pytest.fixture
def counted(api: StandIn, telemetry: Telemetry) -> Callable[[], list[tuple[str, int, int]]]:
    def told() -> list[tuple[str, int, int]]:
        telemetry.flush()
        samples = next(each.body["samples"] for each in api.asked if each.path == "/telemetry")
        return sorted((each["variant"], each["requests"], each["errors"]) for each in samples)

    return told


def theme() -> str:
    return features.get_client().get_string_value("theme", "none")


@pytest.mark.req("OF-06")
class TestWsgi:
    def test_requests_are_known_and_counted(self, telemetry: Telemetry, counted: Any) -> None:
        def shop(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            place = environ["PATH_INFO"]
            start_response("503 Service Unavailable" if place == "/bad" else "200 OK", [])
            if place == "/broken":
                raise KeyError
            yield theme().encode()

        def who(environ: dict[str, Any]) -> EvaluationContext:
            return EvaluationContext(environ["HTTP_X_USER"])

        client = WsgiClient(wsgi.FlagsMiddleware(shop, telemetry=telemetry, context=who))
        assert client.get("/", headers={"X-User": "ada"}).text == "d"
        assert client.get("/").text == "l"  # nobody said who asks, and no request fails of it
        assert client.get("/bad", headers={"X-User": "ada"}).status_code == 503
        with pytest.raises(KeyError):
            client.get("/broken")
        assert counted() == [("dark", 2, 1), ("light", 1, 0)]

    def test_an_application_that_breaks_at_once_has_failed(self, telemetry: Telemetry, counted: Any) -> None:
        def shop(_environ: dict[str, Any], _start_response: Any) -> Iterable[bytes]:
            raise KeyError(theme())

        with pytest.raises(KeyError):
            WsgiClient(wsgi.FlagsMiddleware(shop, telemetry=telemetry)).get("/")
        assert counted() == [("light", 1, 1)]


@pytest.mark.req("OF-06")
class TestFastApi:
    def test_requests_are_known_and_counted(self, telemetry: Telemetry, counted: Any) -> None:
        app = FastAPI()

        @app.get("/waits")
        async def waits() -> str:
            return theme()

        @app.get("/in-a-thread")
        def in_a_thread() -> str:
            return theme()

        @app.get("/broken")
        def broken() -> str:
            raise KeyError(theme())

        def who(scope: Any) -> EvaluationContext:
            return EvaluationContext(dict(scope["headers"]).get(b"x-user", b"").decode())

        app.add_middleware(asgi.FlagsMiddleware, telemetry=telemetry, context=who)
        client = TestClient(app, raise_server_exceptions=False)
        for place in ("/waits", "/in-a-thread"):
            assert client.get(place, headers={"X-User": "ada"}).json() == "d"
            assert client.get(place).json() == "l"
        assert client.get("/broken", headers={"X-User": "ada"}).status_code == 500
        assert counted() == [("dark", 3, 1), ("light", 2, 0)]


@pytest.fixture
def project(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project of one module."""

    def view(request: Any) -> HttpResponse:
        return HttpResponse(theme(), status=503 if request.GET else 200)

    async def waits(_request: Any) -> HttpResponse:
        return HttpResponse(theme())

    def broken(_request: Any) -> HttpResponse:
        raise KeyError(theme())

    module: Any = ModuleType("flags_of_a_shop")
    module.urlpatterns = [path("", view), path("waits", waits), path("broken", broken)]
    module.flags = DjangoFlags(
        telemetry=telemetry, context=lambda request: EvaluationContext(request.headers.get("X-User", ""))
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    given = SimpleNamespace(
        ROOT_URLCONF=module.__name__, MIDDLEWARE=[f"{module.__name__}.flags"], SECRET_KEY="of the test",
        ALLOWED_HOSTS=["testserver"], LOGGING_CONFIG=None,
    )  # fmt: skip
    if not settings.configured:
        settings.configure(**vars(given))
        django.setup()


@pytest.mark.req("OF-06")
class TestDjango:
    @pytest.mark.usefixtures("project")
    def test_requests_are_known_and_counted(self, counted: Any) -> None:
        client = Client(raise_request_exception=False)
        assert client.get("/", headers={"X-User": "ada"}).content == b"d"
        assert client.get("/?bad=1", headers={"X-User": "ada"}).status_code == 503
        assert client.get("/waits").content == b"l"
        assert client.get("/broken").status_code == 500
        assert counted() == [("dark", 2, 1), ("light", 2, 1)]

    @pytest.mark.usefixtures("project")
    async def test_under_asgi_too(self, counted: Any) -> None:
        client = AsyncClient(raise_request_exception=False)
        assert (await client.get("/waits", headers={"X-User": "ada"})).content == b"d"
        assert (await client.get("/")).content == b"l"
        assert (await client.get("/broken")).status_code == 500
        assert counted() == [("dark", 1, 0), ("light", 2, 1)]
