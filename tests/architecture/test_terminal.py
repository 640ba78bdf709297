"""Who asks an API from the terminal loads no server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.architecture.repository import ROOT

SERVERS = {"alembic", "asyncpg", "fastapi", "jinja2", "redis", "sqlalchemy", "starlette", "temporalio", "uvicorn"}
ROOMS = {"activities", "api", "bootstrap", "migrations", "worker", "workflows"}
TOLD = """
import json, sys
from terminal import main
code = 0
try:
    main()
except SystemExit as end:
    code = end.code
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""
"""What the entry point does, and then which modules it took."""
ANSWER: dict[str, Any] = {
    "key": "dark", "environment": "dev", "state": "RUNNING", "percent": 10, "items": [], "standing": "PENDING",
    "next_cursor": None, "sentence": "It is dark.", "rule": None,
}  # fmt: skip


class _Api(BaseHTTPRequestHandler):
    """Answers every question with the same."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name is the library's
        """Nothing: the test asks."""


@pytest.fixture(scope="module")
def api() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Api) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def taken(folder: Path, *words: str, **environment: str) -> tuple[Any, set[str]]:
    """The exit code, and every module that the command had in the end."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("CHANGEGATE_")}
    said = {"CHANGEGATE_DATA": str(folder), **environment}
    ended = subprocess.run(
        [sys.executable, "-c", TOLD, *words], cwd=ROOT, env=bare | said, capture_output=True, text=True, check=True
    )
    code, modules = json.loads(ended.stderr.splitlines()[-1])
    return code, set(modules)


def loaded(modules: set[str]) -> set[str]:
    """Of the servers and of what serves."""
    tops = {name.partition(".")[0] for name in modules}
    return (tops & (SERVERS | ROOMS)) | {name for name in modules if name.startswith("adapters.postgres")}


class TestTerminal:
    @pytest.mark.parametrize("words", ["--help", "config --help", "deploy --help", "up --help", "secrets --help"])
    def test_help_takes_nothing_but_the_command_line(self, words: str, tmp_path: Path) -> None:
        code, modules = taken(tmp_path, *words.split())
        assert (code, loaded(modules)) == (0, set())
        assert {name for name in modules if name.startswith(("adapters", "application."))} <= {
            "application.ports", "application.ports.installation",
        }  # fmt: skip

    @pytest.mark.parametrize(
        "words",
        ["pending", "vote 1 approve", "rollout 1", "config export -e dev", "deploy list", "deploy pause 1 --reason x",
         "flags list -e dev", "flags scan . -e dev", "flags explain dark -e dev",
         "gates replay 1"],
    )  # fmt: skip
    def test_who_asks_an_api_takes_no_server(self, words: str, api: int, tmp_path: Path) -> None:
        token = {"CHANGEGATE_API_URL": f"http://127.0.0.1:{api}", "CHANGEGATE_TOKEN": "e30.e30.e30"}
        code, modules = taken(tmp_path, *words.split(), **token)
        assert (code, loaded(modules)) == (0, set())

    def test_nor_does_who_is_named_by_the_embedded_issuer(self, api: int, tmp_path: Path) -> None:
        (tmp_path / "ports.json").write_text(json.dumps({"api": api}))
        code, modules = taken(tmp_path, "pending", "--as", "ada")
        assert (code, loaded(modules)) == (0, set())
