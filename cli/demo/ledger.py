"""The ledger is a program of its own, as a customer's would be: of Changegate it knows the database alone."""

import asyncio
import os
import secrets
import sys
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

LOGIN = "ledger_demo"
WORKER = "changegate_app"
"""The role of Changegate's own login, whose worker posts what commands tell it to."""
CLIENT = Path(__file__).parents[2] / "clients" / "python" / "src"


@dataclass(frozen=True)
class Ledger:
    """Of one entity, worked at by one person; `owner_url` is that of the database's owner."""

    owner_url: str = field(repr=False)
    tenant: str
    entity: str
    person: str
    day: date
    password: str = field(default_factory=secrets.token_hex, repr=False)

    async def install(self) -> None:
        """Beside Changegate, with a login that may do no more than post."""
        await self._said("install", "--login", LOGIN, "--worker", WORKER, LEDGER_OWNER_DATABASE=self.owner_url)

    async def do(self, what: str) -> list[str]:
        """What it printed, line by line."""
        place = urlsplit(self.owner_url)
        url = f"postgresql://{LOGIN}:{self.password}@{place.netloc.rpartition('@')[2]}{place.path}"
        desk = ("--tenant", self.tenant, "--entity", self.entity, "--person", self.person)
        return await self._said(what, *desk, "--day", self.day.isoformat(), LEDGER_DATABASE=url)

    async def _said(self, *words: str, **more: str) -> list[str]:
        environment = {**os.environ, "PYTHONPATH": str(CLIENT), "LEDGER_PASSWORD": self.password, **more}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "examples.ledger", *words, env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, complaint = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"the ledger did not {words[0]}: {complaint.decode(errors='replace').strip()}")
        return out.decode().splitlines()
