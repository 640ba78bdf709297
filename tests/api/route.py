"""One operation of the API with a request of good form, and what such requests say."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from application.configs.naming import ConfigName
from domain.environments import Environment
from domain.people import Permission

FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
NEW: dict[str, Any] = {**FLAG, "defaultVariant": "on"}
WHY = {"reason": "because of the test"}
MONTHS = {"kind": "gregorian"}
PROPOSAL = {"environment": "production", "key": "fresh", "definition": NEW, "base_version": 0,
            "plan": {"strategy": "direct"}, **WHY}  # fmt: skip
SAMPLE = {"environment": "dev", "key": "checkout", "variant": "on", "window_end": "2026-01-31T12:00:00Z",
          "requests": 10, "errors": 1}  # fmt: skip
LENT = {"to": "cyd", "starts": "2026-01-01T00:00:00Z", "ends": "2027-01-01T00:00:00Z", **WHY}
CONFIG = ConfigName(Environment.DEV, "checkout").id
TENANT = {"id": "acme-of-the-test", "name": "Acme", "tier": "free",
          "admin": {"handle": "zoe", "issuer": "nobody", "subject": "zoe"}, **WHY}  # fmt: skip
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()
NOWHERE = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Route:
    """One operation with a request of good form; `names` says whether its path names a thing of a tenant."""

    method: str
    template: str
    needs: Permission | None
    body: Any = None
    query: str = ""
    names: bool = True
    people: bool = True
    """False: no person may, whatever their roles."""

    def __str__(self) -> str:
        return f"{self.method} {self.template}"

    def path(self, change: str, handle: str) -> str:
        filled = (
            self.template.replace("{id}", change)
            .replace("{key}", "checkout")
            .replace("{handle}", handle)
            .replace("{name}", "kit")
        )
        filled = filled.replace("{config}", CONFIG).replace("{tenant}", "elsewhere")
        filled = filled.replace("{calendar}", "kit").replace("{entity}", "kit").replace("{repository}", "kit")
        filled = filled.replace("{year}", "2024")
        filled = filled.replace("{period}", "2024-01").replace("{scope}", "AP")
        filled = (
            filled.replace("{delivery}", change)
            .replace("{domain}", "ledger")
            .replace("{module}", "AP")
            .replace("{kind}", "flag")
        )
        filled = filled.replace("{type}", "ledger.move-cash").replace("{task}", "bank").replace("{check}", "unposted")
        return filled.replace("{environment}", "dev") + self.query
