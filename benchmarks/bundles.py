"""What it costs to move an environment: settings and as many flags, imported in one transaction, exported over HTTP.

The floor is a plain fetch of the same rows. The highest memory of the API process is looked at before and after the
exports: it must not grow with what is exported. `python -m benchmarks.bundles 1000` takes another size.
"""

import asyncio
import io
import statistics
import sys
import time
from pathlib import Path

import asyncpg
import httpx2

from adapters.identity.bundles import Ed25519Signatures
from adapters.identity.keys import kept_key
from adapters.memory.secrets import MemorySealer
from adapters.temporal.client import when_asked
from adapters.temporal.line import Line as TemporalLine
from adapters.temporal.processes import TemporalProcesses
from application.settings.cases import SettingCases
from application.settings.transfer import Intake
from application.submission import Submission
from benchmarks.house import House, house
from benchmarks.measure import hardware, print_table
from domain.environments import Environment
from domain.settings import Bundle, Definition, EntryState, Line, Scope, SettingType

SIZE = 10_000
TIMES = 3
DEV = Environment.DEV
LIMIT = Definition("upload.limit", SettingType.INTEGER, scopes=("company",), default=1)
FLAG = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
ROWS = (
    "SELECT key, scope, value FROM setting_entry WHERE tenant_id = $1"
    " UNION ALL SELECT key, NULL, definition FROM flag WHERE tenant_id = $1 ORDER BY 1, 2"
)


def main() -> None:
    size = int(sys.argv[1]) if sys.argv[0].endswith("bundles.py") and len(sys.argv) > 1 else SIZE
    asyncio.run(_measured(size))


async def _measured(size: int) -> None:
    async with house() as home:
        port = await home.serve("api", "bootstrap:api", factory=True, ready="/healthz")
        rows = [("import of everything, in process", await _imported(home, size), "")]
        headers = {"Authorization": f"Bearer {home.token('ada')}"}
        async with httpx2.AsyncClient(base_url=home.api, headers=headers, trust_env=False, timeout=120) as http:
            await _exported(http, "qa")  # what one export takes, however small: routes and statements are prepared
            before = _highest(port)
            taken = [await _exported(http, "dev") for _ in range(TIMES)]
            grown = _highest(port) - before
        seconds, read = statistics.median(each[0] for each in taken), taken[0][1]
        rows.append(("export of everything, over HTTP", f"{seconds:.2f}", f"{read / 1e6:.1f}"))
        rows.append(("floor: a fetch of the same rows", await _fetched(home), ""))
    print_table(f"{size:,} settings and {size:,} flags, on {hardware()}", ("what", "seconds", "MB"), rows)
    print(f"  the highest memory of the API process grew by {grown / 1024:.1f} MiB over {TIMES} exports")


async def _imported(home: House, size: int) -> str:
    processes = TemporalProcesses(when_asked(TemporalLine(home.stack.endpoints.temporal_address)))
    signatures = Ed25519Signatures(lambda: kept_key(Path(home.environment["CHANGEGATE_KEYS"]) / "bundles.pem"), list)
    cases = SettingCases.over(home.store, Submission(home.store, processes), MemorySealer(), signatures=signatures)
    lines = tuple(Line("upload.limit", Scope(f"company:c{n:05}"), EntryState.SET, n) for n in range(size))
    flags = {f"flag-{n:05}": FLAG for n in range(size)}
    raw = Bundle(home.tenant.slug, DEV, (LIMIT,), lines, flags).to_json()
    began = time.perf_counter()
    done = await cases.transfer.import_(home.people["ada"], Intake(DEV, raw, "to be measured"))
    taken = time.perf_counter() - began
    if done.outcome != "applied":
        raise SystemExit(f"the import was {done.outcome}")
    return f"{taken:.2f}"


async def _exported(http: httpx2.AsyncClient, environment: str) -> tuple[float, int]:
    began, size = time.perf_counter(), io.BytesIO()
    async with http.stream("GET", f"/api/v1/settings-bundles?environment={environment}") as answer:
        answer.raise_for_status()
        async for chunk in answer.aiter_bytes():
            size.write(chunk)
    return time.perf_counter() - began, size.tell()


async def _fetched(home: House) -> str:
    line = await asyncpg.connect(home.stack.endpoints.database_superuser_url)
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        await line.fetch(ROWS, home.tenant.id)
        taken.append(time.perf_counter() - began)
    await line.close()
    return f"{statistics.median(taken):.2f}"


def _highest(port: int) -> int:
    """KiB that the process behind this port ever had in memory; 0 where that is not told."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"--port" in words and words[words.index(b"--port") + 1] == str(port).encode() and b"uvicorn" in words:
                told = (folder / "status").read_text(encoding="utf-8")
                return next(int(line.split()[1]) for line in told.splitlines() if line.startswith("VmHWM"))
        except (OSError, StopIteration):
            continue
    return 0


if __name__ == "__main__":
    main()
