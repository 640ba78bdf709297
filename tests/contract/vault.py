"""A server that answers HTTP as Vault's transit engine does: its paths, JSON, statuses and errors, and real AES.

HashiCorp publishes the server as a program of its own and in no package that this project could pin, so the ring's
contract is held over real HTTP against these answers: shaped as Vault documents them, refusing in its engine's words.
"""

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "hvs.token-of-changegate"


class Refused(Exception):
    def __init__(self, status: int, *errors: str) -> None:
        self.status, self.errors = status, errors


@dataclass
class Key:
    versions: list[bytes] = field(default_factory=lambda: [secrets.token_bytes(32)])
    oldest: int = 1

    def of(self, version: int) -> bytes:
        if version > len(self.versions):
            raise Refused(400, "invalid ciphertext: version is too new")
        if version < self.oldest:
            raise Refused(400, "ciphertext or signature version is disallowed by policy (too old)")
        return self.versions[version - 1]


class TransitServer:
    """On a free port of loopback; `asked` holds path and body of every request, `sealed` and `odd` change answers."""

    def __init__(self) -> None:
        self.keys = {"changegate": Key(), "changegate-fingerprint": Key()}
        self.asked: list[tuple[str, str]] = []
        self.sealed = False
        self.odd: tuple[int, bytes] | None = None
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def log_message(self, *_: object) -> None:
                pass

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                server.asked.append((self.path, body))
                try:
                    status, content = server.odd or (200, server.answer(self.path, body, self.headers))
                except Refused as refused:
                    status, content = refused.status, json.dumps({"errors": refused.errors}).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Location", "/v1/elsewhere")
                self.end_headers()
                self.wfile.write(content)

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join()
            self._http.server_close()

    def answer(self, path: str, body: str, headers: Any) -> bytes:
        if self.sealed:
            raise Refused(503, "Vault is sealed")
        if "X-Vault-Token" not in headers:
            raise Refused(400, "missing client token")
        if headers["X-Vault-Token"] != TOKEN or headers["X-Vault-Request"] != "true":
            raise Refused(403, "permission denied")
        _, version, mount, verb, name = path.split("/")
        if (version, mount) != ("v1", "transit"):
            raise Refused(404, f'no handler for route "{mount}/{verb}/{name}". route entry not found.')
        found = getattr(self, f"_{verb}")(name, json.loads(body or "{}"))
        outside = {"request_id": "7", "lease_id": "", "renewable": False, "lease_duration": 0, "mount_type": "transit"}
        return json.dumps({**outside, "data": found, "wrap_info": None, "warnings": None, "auth": None}).encode()

    def _keys(self, name: str, _: Any) -> Any:
        if name not in self.keys:
            raise Refused(404)
        made = {str(number): 1442851412 for number, _ in enumerate(self.keys[name].versions, 1)}
        return {"type": "aes256-gcm96", "name": name, "keys": made, "latest_version": len(made), "exportable": False}

    def _encrypt(self, name: str, asked: Any) -> Any:
        version, nonce = len(self._key(name).versions), secrets.token_bytes(12)
        plaintext = base64.b64decode(asked["plaintext"], validate=True)
        raw = nonce + AESGCM(self._key(name).of(version)).encrypt(nonce, plaintext, None)
        return {"ciphertext": f"vault:v{version}:{base64.b64encode(raw).decode()}", "key_version": version}

    def _decrypt(self, name: str, asked: Any) -> Any:
        _, version, text = asked["ciphertext"].split(":")
        raw = base64.b64decode(text, validate=True)
        if len(raw) < 12:
            raise Refused(400, "invalid ciphertext length")
        try:
            plaintext = AESGCM(self._key(name).of(int(version[1:]))).decrypt(raw[:12], raw[12:], None)
        except InvalidTag:
            raise Refused(400, "cipher: message authentication failed") from None
        return {"plaintext": base64.b64encode(plaintext).decode()}

    def _hmac(self, name: str, asked: Any) -> Any:
        assert asked["algorithm"] == "sha2-256"
        version = asked.get("key_version") or len(self._key(name).versions)
        content = base64.b64decode(asked["input"], validate=True)
        found = hmac.digest(self._key(name).of(version), content, hashlib.sha256)
        return {"hmac": f"vault:v{version}:{base64.b64encode(found).decode()}"}

    def _key(self, name: str) -> Key:
        if name not in self.keys:
            raise Refused(400, "encryption key not found")
        return self.keys[name]
