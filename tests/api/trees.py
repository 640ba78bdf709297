"""Tenants below the house of a test, and how their people are asked."""

import secrets
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

WHY = {"reason": "because of the test"}
FLAG: dict[str, Any] = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
V1 = {"If-Match": '"v1"'}
DEV = "?environment=dev"


@dataclass
class Tree:
    """Tenants below the house of the test; `zoe` administers each of them."""

    world: Any
    house: Any
    made: dict[str, str] = field(default_factory=dict)

    def at(self, name: str) -> Any:
        return SimpleNamespace(tenant=SimpleNamespace(slug=self.made[name])) if name in self.made else self.house

    async def ask(self, handle: str, method: str, path: str, at: str = "", **more: Any) -> Any:
        async with self.world.client(self.at(at), handle) as client:
            full = path if path.startswith("/ofrep") else f"/api/v1{path}"
            return await client.request(method, full, **more)

    def wish(self, name: str, **more: Any) -> dict[str, Any]:
        slug = self.made.setdefault(name, f"{name}-{secrets.token_hex(4)}")
        admin = {"handle": "zoe", "issuer": self.world.issuer.issuer, "subject": "zoe"}
        return {"id": slug, "name": name.title(), "tier": "pro", "admin": admin, **WHY, **more}

    async def found(self, name: str, handle: str = "root", at: str = "", **more: Any) -> str:
        answer = await self.ask(handle, "POST", "/tenants", at, json=self.wish(name, **more))
        assert answer.status_code == 201, answer.text
        return self.made[name]

    async def close(self, name: str, verb: str) -> Any:
        return await self.ask("root", "POST", f"/tenants/{self.made[name]}/{verb}", json=WHY)

    async def delete(self, name: str) -> Any:
        slug = self.made[name]
        tag = (await self.ask("root", "GET", f"/tenants/{slug}")).headers["ETag"]
        return await self.ask(
            "root", "DELETE", f"/tenants/{slug}?reason=because", headers={"If-Match": tag}
        )  # fmt: skip
