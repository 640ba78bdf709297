"""Customers at a steady rate, bounded in count and time, who visit nothing but this machine itself."""

import argparse
import asyncio
import ipaddress
import json
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2

MOST_RATE = 1000
MOST_SECONDS = 3600
MOST_CUSTOMERS = 1_000_000
CONNECTIONS = 100
PATIENCE_S = 5.0
FAREWELL_S = 2.0
"""How long requests under way may take after the end."""
LAG_S = 1.0
"""A generator that fell further behind gives up what it missed instead of catching up in a burst."""


def loopback(url: str) -> str:
    """The URL's origin; ValueError unless it is plain http to a literal loopback address or to localhost."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http" or "@" in parts.netloc or not _is_loopback(host):
        raise ValueError(f"{url} is not a plain http address of this machine")
    # A resolver may say anything about a name, even about this one.
    literal = "127.0.0.1" if host == "localhost" else f"[{host}]" if ":" in host else host
    return f"http://{literal}:{parts.port or 80}"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Load:
    """`rate` requests a second for `seconds`, from so many different `customers`."""

    url: str
    rate: float
    seconds: float
    customers: int

    def __post_init__(self) -> None:
        bounds = {"rate": MOST_RATE, "seconds": MOST_SECONDS, "customers": MOST_CUSTOMERS}
        for name, most in bounds.items():
            if not 0 < getattr(self, name) <= most:
                raise ValueError(f"{name} must be above 0 and at most {most}")
        object.__setattr__(self, "url", loopback(self.url))

    @property
    def most_requests(self) -> int:
        return max(1, round(self.rate * self.seconds))


@dataclass
class Met:
    """What customers met: answers with an error and no answer at all are both errors."""

    requests: int = 0
    errors: int = 0
    variants: Counter[str] = field(default_factory=Counter)

    def add(self, variant: str, *, failed: bool) -> None:
        self.requests += 1
        self.errors += failed
        self.variants[variant] += 1

    def to_json(self, seconds: float) -> dict[str, object]:
        return {
            "requests": self.requests,
            "rate": round(self.requests / seconds, 1) if seconds > 0 else 0.0,
            "errors": self.errors,
            "error_share": round(self.errors / self.requests, 4) if self.requests else 0.0,
            "variants": dict(sorted(self.variants.items())),
        }


class Generator:
    """Sends on schedule whatever the answers do, up to CONNECTIONS at once; `stop` ends it early."""

    def __init__(self, load: Load) -> None:
        self.stop = asyncio.Event()
        self._load = load
        self._second, self._all = Met(), Met()
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._visits: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Print a JSON line each second and one at the end."""
        limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        # No proxy of the environment and no redirect leads the load elsewhere.
        async with httpx2.AsyncClient(
            base_url=self._load.url, limits=limits, timeout=PATIENCE_S, trust_env=False, follow_redirects=False
        ) as client:
            started = time.monotonic()
            telling = asyncio.create_task(self._tell())
            sending = asyncio.create_task(self._send(client))
            stopping = asyncio.create_task(self.stop.wait())
            await asyncio.wait({sending, stopping}, timeout=self._load.seconds, return_when=asyncio.FIRST_COMPLETED)
            lasted = time.monotonic() - started
            sending.cancel()
            stopping.cancel()
            if self._visits:
                await asyncio.wait(self._visits, timeout=FAREWELL_S)
            left = [telling, sending, stopping, *self._visits]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            _print({"done": True, **self._all.to_json(lasted)})

    async def _send(self, client: httpx2.AsyncClient) -> None:
        due = time.monotonic()
        for _ in range(self._load.most_requests):
            await asyncio.sleep(due - time.monotonic())
            await self._free.acquire()
            visit = asyncio.create_task(self._visit(client))
            self._visits.add(visit)
            visit.add_done_callback(self._left)
            due = max(due + 1 / self._load.rate, time.monotonic() - LAG_S)

    def _left(self, visit: asyncio.Task[None]) -> None:
        self._visits.discard(visit)
        self._free.release()

    async def _visit(self, client: httpx2.AsyncClient) -> None:
        customer = f"customer-{random.randrange(self._load.customers):06d}"
        try:
            response = await client.post("/checkout", json={"customer": customer})
            variant, failed = str(response.json()["variant"]), response.is_error
        except (httpx2.HTTPError, ValueError, KeyError, TypeError):
            variant, failed = "unanswered", True
        self._second.add(variant, failed=failed)
        self._all.add(variant, failed=failed)

    async def _tell(self) -> None:
        since = time.monotonic()
        for second in range(1, MOST_SECONDS + 1):
            await asyncio.sleep(1.0)
            now = time.monotonic()
            _print({"second": second, **self._second.to_json(now - since)})
            self._second, since = Met(), now


def _print(line: dict[str, object]) -> None:
    print(json.dumps(line), flush=True)


async def drive(load: Load) -> None:
    """Run `load` to its end, or to SIGTERM or SIGINT."""
    generator = Generator(load)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, generator.stop.set)
    await generator.run()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.shop.load", description=__doc__)
    parser.add_argument("--url", required=True, help="the shop, on this machine: http://127.0.0.1:PORT")
    parser.add_argument("--rate", type=float, default=200, help=f"requests a second, at most {MOST_RATE}")
    parser.add_argument("--seconds", type=float, default=120, help=f"at most {MOST_SECONDS}")
    parser.add_argument("--customers", type=int, default=5000, help=f"at most {MOST_CUSTOMERS}")
    given = parser.parse_args()
    try:
        load = Load(given.url, given.rate, given.seconds, given.customers)
    except ValueError as refusal:
        parser.error(str(refusal))
    asyncio.run(drive(load))


if __name__ == "__main__":
    main()
