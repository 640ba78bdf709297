"""The keys of secrets are listed, made and rotated by whoever has the database and the ring at hand."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from application.ports.installation import Installation
from cli.console import console
from cli.voting import Run

if TYPE_CHECKING:
    from application.settings.rotation import RingKey

WHY = "the primary key changed"


def add(app: typer.Typer, installation: Installation, run: Run) -> None:
    group = typer.Typer(no_args_is_help=True, help="The keys that secrets are sealed with.")

    @group.command()
    def keys() -> None:
        """List the keys of the ring and how many secrets each one opens."""
        run(_keys(installation))

    @group.command("new-key")
    def new_key() -> None:
        """Make a key, which wraps from now on where CHANGEGATE_KEY_PRIMARY names no other one."""
        run(_new_key(installation))

    @group.command()
    def rotate(
        *,
        reason: Annotated[str, typer.Option(help="why; it stays in the audit trail of each tenant")] = WHY,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="count, and change nothing")] = False,
    ) -> None:
        """Wrap the data key of every secret anew, under the primary key; stop it and start it again as you like.

        Every version is reached, while secrets are read and written. Ends with 1 if a secret opens with no key.
        """
        raise SystemExit(run(_count(installation) if dry_run else _rotate(installation, reason)))

    app.add_typer(group, name="secrets")


async def _keys(installation: Installation) -> None:
    async with installation.rotation() as rotation:
        found = await rotation.keys()
    page = Table("key", "secrets", "tenants", "", box=None, pad_edge=False)
    for each in found:
        page.add_row(each.id, str(each.values), str(each.tenants), _said(each))
    console.print(page)


def _said(key: "RingKey") -> str:
    if not key.known:
        return "not in this ring: what is under it cannot be read"
    if key.primary:
        return "primary"
    return "may be retired" if key.spare else "in use"


async def _new_key(installation: Installation) -> None:
    async with installation.rotation() as rotation:
        made = await rotation.new_key()
    console.print(f"{made} is made. `changegate secrets rotate` moves to the primary key what is under others.")


async def _count(installation: Installation) -> int:
    async with installation.rotation() as rotation:
        count = await rotation.outstanding()
    console.print(f"{count} would be wrapped anew.")
    return 0


async def _rotate(installation: Installation, reason: str) -> int:
    words = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    async with installation.rotation() as rotation:
        count = await rotation.outstanding()
        with Progress(*words, console=console, transient=True) as bar:
            task = bar.add_task("wrapping anew", total=count)
            done = await rotation.rotate(reason, lambda more: bar.advance(task, more))
    console.print(f"{done.rewrapped} wrapped anew under {done.primary}; {done.left} were by another run.")
    if done.broken:
        console.print(f"[red]{done.broken} open with no key of this ring;[/] see `changegate secrets keys`.")
    return 1 if done.broken else 0
