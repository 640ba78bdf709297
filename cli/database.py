"""Where the PostgreSQL of the data folder answers, and as whom an application of yours speaks to it."""

import sys
from typing import Annotated
from urllib.parse import quote, urlsplit

import typer

from application.ports.installation import Installation
from cli.console import console
from cli.voting import Run

Url = Annotated[bool, typer.Option("--url", help="print the address of its owner alone, with the password")]
Login = Annotated[str | None, typer.Option(help="print the address of this login alone, without a password")]


def add(app: typer.Typer, installation: Installation, run: Run) -> None:
    @app.command()
    def database(*, url: Url = False, login: Login = None) -> None:
        """Say where PostgreSQL of the data folder answers, and how to connect as one that posts."""
        owner = run(_owner(installation))
        if url:
            sys.stdout.write(owner + "\n")
        elif login:
            sys.stdout.write(_address(owner, login) + "\n")
        else:
            console.print(_words(owner), markup=False, soft_wrap=True)


def place(url: str) -> str:
    """host:port of the server."""
    return urlsplit(url).netloc.rpartition("@")[2]


async def _owner(installation: Installation) -> str:
    return installation.database_url


def _address(owner: str, login: str) -> str:
    return f"postgresql://{quote(login, safe='')}@{place(owner)}{urlsplit(owner).path}"


def _words(owner: str) -> str:
    parts = urlsplit(owner)
    return (
        f"PostgreSQL answers at {place(owner)}, database {parts.path[1:]}, while Changegate runs.\n"
        f'{parts.username} owns it:  psql "$(changegate database --url)"\n'
        "An application that posts has a login of its own. As the owner, once:\n"
        "  CREATE ROLE my_ledger LOGIN PASSWORD '...';\n"
        "  GRANT changegate_poster TO my_ledger;   -- it asks the posting guard, and sees no table of Changegate\n"
        f"It connects with its password to  {_address(owner, 'my_ledger')}"
    )
