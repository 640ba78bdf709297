"""What OFREP over HTTP is measured against: an application that only echoes, and a FastAPI route that evaluates."""

import time
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from domain.flags import CODE_DEFAULT, FlagSet, compile_flag_set

FLAGS: dict[str, Any] = {
    f"flag-{number}": {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "off",
        "targeting": {"if": [{"==": [{"var": "email"}, "ada@example.test"]}, "on", None]},
    }
    for number in range(100)
}


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The least that a Python ASGI application can do with a request."""
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Asked(BaseModel):
    context: dict[str, Any]


def route() -> FastAPI:
    """The same evaluation behind FastAPI's validation and serialisation."""
    flags: FlagSet = compile_flag_set(FLAGS, revision=1, now=time.time)
    app = FastAPI()

    @app.post("/ofrep/v1/evaluate/flags/{key}")
    async def evaluate(key: str, asked: Asked) -> dict[str, Any]:
        found = flags.evaluate(key, asked.context)
        value = {} if found.value is CODE_DEFAULT else {"value": found.value}
        return {"key": key, "reason": found.reason, "variant": found.variant, "metadata": found.metadata, **value}

    return app
