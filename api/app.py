"""The application: routes over services, and around them what every answer has in common."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from api import doors, health, kinds, reference
from api.deployment_meters import DeploymentMeters
from api.effective import SUFFIX, EffectiveLane
from api.flagd import following, source
from api.flagd.server import Flagd
from api.meters import Meters
from api.middleware import Doorway
from api.ofrep import PREFIX, Ofrep
from api.ofrep_streams import PATH as STREAMS
from api.ofrep_streams import OfrepStreams
from api.posting_lane import ROUTE as POSTING_CHECKS
from api.posting_lane import PostingLane
from api.problems import on_http, on_invalid, on_refusal
from api.routes import ROUTERS
from api.services import Services
from api.temporal_ui import MOUNT, TemporalUi
from domain.errors import Refusal

Hook = Callable[[], AbstractAsyncContextManager[Any]]
"""What runs as long as the application does: following the flags, sweeping, whatever the composition needs."""


class Application(FastAPI):
    """FastAPI, but for three lanes: what is asked there many times a second meets no routing and no middleware.

    Nor do the streams beside the first, whose addresses are secrets.
    """

    evaluation: ASGIApp | None = None
    streams: ASGIApp | None = None
    effective: ASGIApp | None = None
    postings: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if self.streams is not None and path == STREAMS:
            await self.streams(scope, receive, send)
        elif self.evaluation is not None and path.startswith(PREFIX):
            await self.evaluation(scope, receive, send)
        elif self.effective is not None and path.endswith(SUFFIX):
            await self.effective(scope, receive, send)
        elif self.postings is not None and path == POSTING_CHECKS:
            await self.postings(scope, receive, send)
        else:
            await self.road(scope, receive, send)

    async def road(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)


def create_app(services: Services, lifespan: Hook = nullcontext) -> FastAPI:
    meters = Meters(services.setting_snapshots.tally, services.evaluated)
    meters.watch_configs(services.configs.active)
    meters.registry.register(DeploymentMeters(services.measuring.tally))
    readiness = health.Readiness()
    flagd = Flagd(services, meters.registry)
    ui = TemporalUi(services.settings.temporal_ui) if services.settings.temporal_ui else None

    @asynccontextmanager
    async def living(_app: FastAPI) -> AsyncIterator[None]:
        async with lifespan(), flagd.served():
            yield
            readiness.close()
        if ui is not None:
            await ui.close()

    app = Application(**reference.ABOUT, docs_url=None, redoc_url=None, openapi_url=None, lifespan=living)
    app.state.services, app.state.meters, app.state.readiness = services, meters, readiness
    streams = OfrepStreams(services.flag_streams, services.store, meters.evaluations, services.sightings)
    app.streams = streams
    app.evaluation = Ofrep(
        services.authentication, services.flag_sets, meters.evaluations, services.previewing, streams, services.samples
    )
    app.effective = EffectiveLane(services.authentication, services.setting.reads, meters, services.sightings, app.road)
    app.postings = PostingLane(
        services.authentication, services.posting_checks, meters, services.settings.max_body, app.road
    )
    app.add_middleware(Doorway, meters=meters)
    app.add_exception_handler(Refusal, on_refusal)  # type: ignore[arg-type]  # Starlette types handlers for Exception
    app.add_exception_handler(RequestValidationError, on_invalid)  # type: ignore[arg-type]  # as above
    app.add_exception_handler(HTTPException, on_http)  # type: ignore[arg-type]  # as above
    for router in (*ROUTERS, source.router, following.router, doors.router, health.router, kinds.router):
        app.include_router(router)
    if services.settings.docs:
        app.include_router(reference.router)
    if ui is not None:
        app.mount(MOUNT, ui)
    app.state.operations, app.state.flagd = operations(), flagd.admission
    return app


def operations() -> tuple[Any, ...]:
    """Every route that has methods, for answers that must name them all."""
    routers = (*ROUTERS, source.router, following.router, doors.router, health.router, kinds.router, reference.router)
    return tuple(route for router in routers for route in router.routes if hasattr(route, "path_regex"))
