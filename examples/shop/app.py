"""A small web shop, a process of its own, whose checkout stands behind a feature flag."""

import argparse
import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from examples.shop.changegate import Access, Choice
from examples.shop.checkout import CHECKOUTS, CheckoutFailed
from examples.shop.measures import Measures
from examples.shop.reports import Reports

LONGEST_NAME = 100


@dataclass(frozen=True)
class Shop:
    choice: Choice
    measures: Measures

    async def checkout(self, request: Request) -> JSONResponse:
        """200 with the order, 502 when a partner of the shop failed, 422 for a body that names no customer."""
        started = time.perf_counter()
        customer = await _customer(request)
        if customer is None:
            return JSONResponse({"error": f"expected a customer of 1 to {LONGEST_NAME} characters"}, 422)
        variant = await self.choice.variant_for(customer)
        try:
            order = await CHECKOUTS[variant](customer)
        except CheckoutFailed as failure:
            self.measures.count(variant, time.perf_counter() - started, failed=True)
            return JSONResponse({"variant": variant, "error": str(failure)}, 502)
        self.measures.count(variant, time.perf_counter() - started, failed=False)
        return JSONResponse({"variant": variant, "order": order})

    async def metrics(self, _request: Request) -> Response:
        return Response(self.measures.exposition(), media_type=CONTENT_TYPE_LATEST)


def build(origin: str, access: Access, flag: str) -> Starlette:
    """The shop as an ASGI application; its lifespan reports to Changegate at `origin`."""
    measures = Measures(flag)
    shop = Shop(Choice(origin, access.headers, flag), measures)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        stop = asyncio.Event()
        reporting = asyncio.create_task(Reports(origin, access, flag, measures).run(stop))
        yield
        stop.set()
        await reporting
        shop.choice.close()

    routes = [Route("/checkout", shop.checkout, methods=["POST"]), Route("/metrics", shop.metrics)]
    return Starlette(routes=routes, lifespan=lifespan)


async def _customer(request: Request) -> str | None:
    try:
        body = await request.json()
    except ValueError:
        return None
    customer = body.get("customer") if isinstance(body, dict) else None
    return customer if isinstance(customer, str) and 0 < len(customer) <= LONGEST_NAME else None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.shop.app", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--changegate", required=True, help="origin of Changegate, such as http://127.0.0.1:8080")
    parser.add_argument("--token-file", type=Path, required=True, help="holds the bearer token; may be replaced")
    parser.add_argument("--environment", default="production")
    parser.add_argument("--flag", default="new-checkout")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="shop: %(message)s")
    # It would tell of every evaluation that it asks again; the shop tells once of an outage.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    try:
        access = Access(given.token_file, given.environment)
    except OSError as error:
        parser.error(f"the token cannot be read: {error}")
    app = build(given.changegate, access, given.flag)
    uvicorn.run(app, host="127.0.0.1", port=given.port, access_log=False, timeout_graceful_shutdown=5)


if __name__ == "__main__":
    main()
