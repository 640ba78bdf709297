"""The product's API, forked once for each life, which kills itself at an ordered point of its first request.

Reads lines of JSON from standard input: `{"port": ..., "die_at": n, "passed": FILE}`. Points are counted from the
start of the process: before each statement, before each commit, and after each return of a connection to the pool.
Only a request's own are counted: loops beside it come by whenever they like. `die_at` null lives until it is told to
stop. FILE gets one line for each point that was passed. `{"end": true}` ends all that live: each holds connections.
"""

import json
import os
import signal
import sys
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TextIO

import uvicorn
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool
from starlette.types import ASGIApp, Receive, Scope, Send

from bootstrap import api

_asked: ContextVar[bool] = ContextVar("asked", default=True)


class Fate:
    def __init__(self, die_at: int | None, passed: TextIO) -> None:
        self._die_at = die_at
        self._passed = passed
        self._points = 0

    def point(self, what: str) -> None:
        if not _asked.get():
            return
        self._points += 1
        self._passed.write(f"{self._points} {what}\n")
        self._passed.flush()
        if self._points == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def follow(self) -> None:
        def statement(_connection: Any, _cursor: Any, words: str, *_rest: Any) -> None:
            self.point(f"statement {' '.join(words.split()[:4])}")

        event.listen(Engine, "before_cursor_execute", statement)
        event.listen(Engine, "commit", lambda *_: self.point("commit"))
        event.listen(Pool, "checkin", lambda *_: self.point("returned"))


def marking(app: ASGIApp) -> ASGIApp:
    """What a request does was asked for; what the application does all its life was not."""

    async def marked(scope: Scope, receive: Receive, send: Send) -> None:
        _asked.set(scope["type"] == "http")
        await app(scope, receive, send)

    return marked


def live(app: FastAPI, port: int, die_at: int | None, passed: str) -> None:
    with Path(passed).open("w") as lines:
        Fate(die_at, lines).follow()
        uvicorn.run(marking(app), host="127.0.0.1", port=port, log_level="warning", access_log=False)


def end(lives: list[int]) -> None:
    for each in lives:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
    lives.clear()


def main() -> None:
    # Nobody collects the exit codes of the dead: what they left is looked at instead.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # Composed once: it holds no connection, no thread and no loop before it serves.
    app = api()
    lives: list[int] = []
    for line in sys.stdin:
        order = json.loads(line)
        if order.get("end"):
            end(lives)
            continue
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            live(app, order["port"], order["die_at"], order["passed"])
            os._exit(0)
        lives.append(child)
    end(lives)


if __name__ == "__main__":
    main()
