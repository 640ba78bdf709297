"""A certificate proves itself: its digest is computed again here, from what it says, whatever the API says of it."""

import os
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from application.ports.installation import Installation
from cli.config_pages import print_json
from cli.console import console
from cli.destination import Asked
from cli.voting import Api, As, Run, Tenant, caller
from domain.canonical import digest_of

NONE, FORGED, MOVED = 1, 2, 3
"""Exit codes: there is no certificate, one is not what was issued, or the books are no more what the last one says."""

Entity = Annotated[str, typer.Argument(help="code of the entity")]
Period = Annotated[str, typer.Argument(help="code of the period, as 2025-03")]
Verify = Annotated[bool, typer.Option("--verify", help="check all of them, and the books against the last one")]
AsJson = Annotated[bool, typer.Option("--json", help="print what the API answers, as JSON")]


def add(close: typer.Typer, installation: Installation, run: Run) -> None:
    @close.command()
    def certificate(  # noqa: PLR0913 -- an option of the command is an argument
        entity: Entity, period: Period, *, verify: Verify = False, json: AsJson = False, reader: As = None,
        api: Api = None, tenant: Tenant = None,
    ) -> None:  # fmt: skip
        """Show what proves the close of a period: 1 nothing; verified, 2 altered, 3 the books have moved since."""
        asked = Asked(os.environ, reader, api, tenant)
        told = run(_certificates(installation, asked, entity, period, books=verify))
        if json:
            print_json(told)
        else:
            _print(f"{entity} {period}", told, verified=verify)
        raise SystemExit(_code(told, verified=verify))


def forged(chain: Sequence[dict[str, Any]]) -> int | None:
    """The number of the first of a period's certificates, oldest first, that is not what its digest says."""
    previous = None
    for number, each in enumerate(chain, 1):
        said = each["certificate"]
        told = (said.get("number"), said.get("previous"), each["digest"])
        if told != (number, previous, digest_of(said)):
            return number
        previous = each["digest"]
    return None


async def _certificates(
    installation: Installation, asked: Asked, entity: str, period: str, *, books: bool
) -> dict[str, Any]:  # fmt: skip
    query = {"books": "true"} if books else {}
    async with caller(installation, asked) as me:
        found: dict[str, Any] = await me.get(f"/entities/{entity}/periods/{period}/certificates", **query)
    return found


def _code(told: dict[str, Any], *, verified: bool) -> int:
    if not told["items"]:
        return NONE
    if not verified:
        return 0
    return FORGED if _altered(told) is not None else MOVED if told["since"] else 0


def _altered(told: dict[str, Any]) -> int | None:
    """By the API, which asks the audit trail as well, or by what is computed here."""
    found = [number for number in (told["broken_at"], forged(told["items"])) if number is not None]
    return min(found, default=None)


def _print(place: str, told: dict[str, Any], *, verified: bool) -> None:
    if not told["items"]:
        _say(f"{place} has no certificate.")
        return
    for each in told["items"]:
        said = each["certificate"]
        _say(f"{place}  certificate {said['number']}  {said['mode']} close of {', '.join(said['scopes'])}")
        _say(f"  {each['digest']}  {said['closed_at']}")
    for control in said["controls"]:
        amounts = "; ".join(f"{each['currency']} {each['debit']} / {each['credit']}" for each in control["totals"])
        _say(f"  {control['module']:<20} {control['entries']:>8} entries  {amounts}")
    if verified:
        altered = _altered(told)
        _say("  every one is what was issued" if altered is None else f"  number {altered} is not what was issued")
        _say("  the books are as the last one says" if not told["since"] else "  the books have moved since:")
        for moved in told["since"]:
            _say(f"    {moved['module']:<18} {moved['entries']:+} entries")
            _print_entries(moved.get("posted") or {"count": 0, "entries": []})


def _print_entries(posted: dict[str, Any]) -> None:
    for each in posted["entries"]:
        amounts = ", ".join(f"{amount['currency']} {amount['amount']}" for amount in each["amounts"])
        _say(f"      {each['date']}  {amounts}  ({each['id']})")
    if (more := posted["count"] - len(posted["entries"])) > 0:
        _say(f"      and {more} more")


def _say(words: str) -> None:
    console.print(words, markup=False, soft_wrap=True)
