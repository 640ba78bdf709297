"""The shop and its customers run as programs of their own."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from application.ports.installation import Installation, Running
from cli.waiting import until

CUSTOMERS_PER_SECOND = 120
LONGEST_SECONDS = 420


@dataclass(frozen=True)
class Shop:
    """`log` is where the load generator writes a line of JSON a second."""

    url: str
    log: Path

    def seconds(self) -> list[dict[str, Any]]:
        """What customers met, second by second, so far."""
        return list(self._lines()) if self.log.exists() else []

    def error_share(self, last: int = 5) -> float | None:
        """The share of failed checkouts over the last seconds; None before the first."""
        lines = self.seconds()[-last:]
        requests = sum(line["requests"] for line in lines)
        return sum(line["errors"] for line in lines) / requests if requests else None

    def _lines(self) -> Iterator[dict[str, Any]]:
        for text in self.log.read_text().splitlines():
            if text.startswith("{") and text.endswith("}"):
                line = json.loads(text)
                if "second" in line:
                    yield line


async def open_shop(installation: Installation, running: Running, flag: str) -> Shop:
    """The shop asks Changegate for `flag` with its own token, and customers begin to come."""
    token = installation.folder / "secrets" / "shop-token"
    token.write_text(installation.mint("shop", timedelta(hours=12)))
    token.chmod(0o600)
    port = running.port("shop")
    url = f"http://127.0.0.1:{port}"
    await running.spawn(
        "shop", "-m", "examples.shop.app", "--port", str(port), "--changegate", running.api,
        "--token-file", str(token), "--environment", "production", "--flag", flag,
    )  # fmt: skip
    shop = Shop(url, installation.folder / "logs" / "customers.log")
    await until(shop.url + "/metrics")
    await running.spawn(
        "customers", "-m", "examples.shop.load", "--url", url, "--rate", str(CUSTOMERS_PER_SECOND),
        "--seconds", str(LONGEST_SECONDS), "--customers", "5000",
    )  # fmt: skip
    return shop
