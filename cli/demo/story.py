"""A good version goes all the way, a bad one back; a change expires, a month is closed, a late bill is put right."""

import asyncio
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from application.ports.installation import Installation, Running
from cli.caller import Caller
from cli.demo import late, month, proposals, report
from cli.demo.progress import BAD_SHARE, follow
from cli.demo.shop import Shop, open_shop
from cli.destination import Frontend
from cli.seed import PEOPLE, TENANT
from cli.voting import signal_command
from examples.shop import definitions, queries

Rollout = dict[str, Any]

RECOVERED_SECONDS = 25


@dataclass
class Story:
    installation: Installation
    running: Running
    console: Console
    key: str
    shop: Shop | None = None

    def person(self, handle: str) -> Caller:
        return Caller(self.running.api, self.installation.mint(handle, timedelta(minutes=30)), TENANT)

    def say(self, words: str) -> None:
        self.console.print(f"\n[bold cyan]{words}[/]")

    async def propose(self, body: dict[str, Any]) -> str:
        async with self.person("ada") as ada:
            submitted = await ada.post("/rollouts", body)
        self.console.print(f"ada proposes: {body['reason']}  [dim]{submitted['change']['digest'][:23]}…[/]")
        return str(submitted["rollout"]["id"])

    def canary(self, variant: str, base: int, reason: str) -> dict[str, Any]:
        metrics = queries.prometheus() if self.running.prometheus else queries.telemetry()
        return proposals.canary(self.key, definitions.with_default(variant), base, metrics, reason)

    async def approve(self, handle: str, change: str) -> None:
        async with self.person(handle) as voter:
            after = await voter.post(f"/approvals/{change}/approve")
        self.console.print(f"{handle} approves through the API: the approval is {after['standing']}")

    async def approve_by_signal(self, handle: str, change: str) -> None:
        """The vote goes to Temporal itself, with a proof that the API gave to this person."""
        async with self.person(handle) as voter:
            proof = await voter.post(f"/approvals/{change}/assertions", {"answer": "approve"})
            command = signal_command(proof["signal"], Frontend(self.running.temporal_address))
            self.console.print(f"{handle} approves through Temporal: [dim]{' '.join(command[:-1])} …[/]")
            await _temporal(command)

    async def ended(self, change: str, title: str) -> Rollout:
        async with self.person("ada") as ada:
            return await follow(ada, self.shop, change, title, self.console)


async def play(installation: Installation, console: Console) -> bool:
    """True when all of it ended as it must."""
    console.print("[bold]Changegate[/]: starting PostgreSQL, Temporal, Valkey, API and worker ...")
    async with installation.start(demo=True, scrapes=("shop",)) as running:
        await installation.admit(TENANT, "The demo's shop", PEOPLE, own=True)
        story = Story(installation, running, console, f"checkout-{datetime.now(UTC):%Y%m%d-%H%M%S}")
        source = "Prometheus" if running.prometheus else "our own telemetry (this machine has no Prometheus)"
        console.print(f"API {running.api}/docs   Temporal UI {running.api}/temporal   gates read {source}")
        created = await _created(story)
        story.shop = await open_shop(installation, running, story.key)
        good, first = await _good(story)
        bad, second = await _bad(story, first["live_version"])
        recovered = await _recovered(story)
        silent, third = await _silent(story, second["live_version"])
        came_back = second["state"] == "ROLLED_BACK" and second["stage"] == 0
        books = month.last_month(installation, running.api, console)
        wanted = [
            ("the flag was created", created["state"] == "SUCCEEDED"),
            ("the good version reached everybody", first["state"] == "SUCCEEDED"),
            ("the bad version came back by itself from 10 %", came_back),
            ("the shop recovered", recovered),
            ("the unanswered change expired", third["state"] == "EXPIRED"),
            *await month.close(books),
            *await late.post_late(books, running),
        ]
        async with story.person("aud") as auditor:
            await report.show(auditor, {"express": good, "turbo": bad, "nobody votes": silent}, console)
        return report.verdict(wanted, running.api, console)


async def _created(story: Story) -> Rollout:
    story.say("0  The flag is created: at once for everybody, and still approved on two levels")
    made = await story.propose(proposals.creation(story.key, definitions.classic_only()))
    await story.approve("bob", made)
    await story.approve("cyd", made)
    return await story.ended(made, "create the flag")


async def _good(story: Story) -> tuple[str, Rollout]:
    story.say("1  A good version: express instead of classic")
    change = await story.propose(story.canary("express", 1, "Checkout in one step."))
    await story.approve("bob", change)
    await story.approve_by_signal("cyd", change)
    return change, await story.ended(change, "express")


async def _bad(story: Story, base: int) -> tuple[str, Rollout]:
    story.say("2  A bad version: turbo fails and slows for real")
    change = await story.propose(story.canary("turbo", base, "Even faster, we hope."))
    await story.approve("cyd", change)
    await story.approve("bob", change)
    return change, await story.ended(change, "turbo")


async def _silent(story: Story, base: int) -> tuple[str, Rollout]:
    story.say("3  A change that nobody votes on: 72 hours pass")
    change = await story.propose(story.canary("classic", base, "Back to classic, perhaps."))
    jump = timedelta(hours=72, minutes=1)
    await story.installation.skip_time(story.running.temporal_address, f"approval/{change}", jump)
    story.console.print("the clock of this one workflow was moved 72 hours forward; the jump stands in its history")
    return change, await story.ended(change, "nobody votes")


async def _recovered(story: Story) -> bool:
    """Whether customers are served well again, measured over five whole seconds after the way back."""
    shop = story.shop
    if shop is None:
        return False
    seen = len(shop.seconds())
    for _ in range(RECOVERED_SECONDS * 4):
        await asyncio.sleep(0.25)
        share = shop.error_share()
        if len(shop.seconds()) >= seen + 6 and share is not None and share < BAD_SHARE:
            story.console.print(f"customers of the last five seconds: {share:.1%} failed; the shop has recovered")
            return True
    return False


async def _temporal(command: list[str]) -> None:
    program = shutil.which(command[0], path=str(Path(sys.executable).parent)) or command[0]
    process = await asyncio.create_subprocess_exec(
        program, *command[1:], stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, complaint = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"temporal workflow signal failed: {complaint.decode(errors='replace').strip()}")
