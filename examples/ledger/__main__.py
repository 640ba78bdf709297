"""`install` puts the ledger beside Changegate, `run` tells a month of it; `discard` and `slip` do a thing of a day."""

import argparse
import asyncio
import os
from datetime import date
from uuid import UUID

from examples.ledger.installing import admit, install, let_write
from examples.ledger.ledger import Ledger
from examples.ledger.sessions import Desk, connect
from examples.ledger.slipping import slip
from examples.ledger.story import Story

PASSWORD = "LEDGER_PASSWORD"  # noqa: S105 -- the name of a variable
OWNER_DATABASE, DATABASE = "LEDGER_OWNER_DATABASE", "LEDGER_DATABASE"
"""Addresses hold passwords, and everybody sees the arguments of a program."""


def main() -> None:
    asked = _parser().parse_args()
    asyncio.run({"install": _install, "run": _run, "discard": _discard, "slip": _slip}[asked.what](asked))


async def _install(asked: argparse.Namespace) -> None:
    fresh = await install(asked.owner_database)
    print("the schema `ledger` was made" if fresh else "the schema `ledger` is there")
    if asked.login:
        password = os.environ.get(PASSWORD)
        if not password:
            raise SystemExit(f"{PASSWORD} is the password that {asked.login} is to have")
        await admit(asked.owner_database, asked.login, password)
        print(f"{asked.login} writes to it")
    if asked.worker:
        await let_write(asked.owner_database, asked.worker)
        print(f"{asked.worker} writes to it")


async def _run(asked: argparse.Namespace) -> None:
    engine = connect(asked.database)
    try:
        await Story(engine, Desk(asked.tenant, asked.entity, asked.person), asked.day).tell()
    finally:
        await engine.dispose()


async def _discard(asked: argparse.Namespace) -> None:
    engine = connect(asked.database)
    try:
        for what in await Ledger(engine, Desk(asked.tenant, asked.entity, asked.person)).discard(asked.day):
            print(f"threw away {what}")
    finally:
        await engine.dispose()


async def _slip(asked: argparse.Namespace) -> None:
    engine = connect(asked.database)
    try:
        refused = await slip(engine, Desk(asked.tenant, asked.entity, asked.person), asked.day)
    finally:
        await engine.dispose()
    print(refused or "it went in")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.ledger", description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    made = commands.add_parser("install")
    _address(made, "--owner-database", OWNER_DATABASE, "address of a user that may create roles")
    made.add_argument("--worker", help="a role that is there: workers that have it execute commands to post")
    made.add_argument("--login", help=f"a login to be made, whose password is in {PASSWORD}")
    for name in ("run", "discard", "slip"):
        worked = commands.add_parser(name)
        _address(worked, "--database", DATABASE, "address of the ledger's login")
        worked.add_argument("--tenant", type=UUID, required=True)
        worked.add_argument("--entity", required=True)
        worked.add_argument("--person", type=UUID, required=True, help="the id of whoever posts")
        worked.add_argument("--day", type=date.fromisoformat, required=True, help="2024-12-16")
    return parser


def _address(command: argparse.ArgumentParser, option: str, variable: str, meaning: str) -> None:
    given = os.environ.get(variable)
    command.add_argument(option, default=given, required=given is None, help=f"{meaning}; otherwise in {variable}")


if __name__ == "__main__":
    main()
