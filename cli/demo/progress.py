"""A rollout is watched until it ends: stage, exposure, what customers meet, what the gate says."""

import asyncio
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cli.caller import Caller
from cli.demo.shop import Shop

LONGEST_SECONDS = 300
PAUSE_SECONDS = 0.25
BAD_SHARE = 0.03
"""Above this share of failed checkouts something is wrong; the shop's own is about one per cent."""


async def follow(reader: Caller, shop: Shop | None, change: str, title: str, console: Console) -> dict[str, Any]:
    """The rollout as it ended; TimeoutError when it does not end in time. Without a terminal, a line a change."""
    told = ""
    with Live(console=console, refresh_per_second=4, transient=True, auto_refresh=console.is_terminal) as live:
        async with asyncio.timeout(LONGEST_SECONDS):
            while True:
                rollout: dict[str, Any] = await reader.get(f"/rollouts/{change}")
                checks = (await reader.get(f"/rollouts/{change}/evidence"))["items"]
                words = checks[-1]["sentence"] if checks else ""
                live.update(_picture(rollout, words, shop, title))
                line = f"  {rollout['state']:<18} {rollout['percent']:>5g} %  {rollout['cause'] or ''}"
                if line != told:
                    told = line
                    live.console.print(line)
                if rollout["ended"]:
                    return rollout
                await asyncio.sleep(PAUSE_SECONDS)


def _picture(rollout: dict[str, Any], sentence: str, shop: Shop | None, title: str) -> Group:
    row = Table.grid(padding=(0, 2))
    row.add_row(
        Text(title, style="bold"),
        ProgressBar(total=100, completed=rollout["percent"], width=40),
        f"{rollout['percent']:g} %",
        rollout["state"],
    )
    share = shop.error_share(2) if shop else None
    words = "" if share is None else f"customers now: {share:.1%} fail"
    customers = Text(words, style="red" if share is not None and share > BAD_SHARE else "green")
    return Group(row, customers, Text(sentence, style="dim"))
