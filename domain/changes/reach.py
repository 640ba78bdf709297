"""How far a change reaches, and what of: this is what a policy looks at."""

from dataclasses import dataclass
from typing import Self

from domain.canonical import Json


@dataclass(frozen=True)
class Reach:
    """`scopes` are written; at `leaves` another value is in force then. `tenant_wide`: written at the tenant itself.

    `sensitivities` and `financial` are those of the definitions of what is written. `tenants` receive it, and they
    are `tenant_share` of those that stand below, 0 where only the tenant itself does.
    """

    scopes: int
    leaves: int
    tenant_wide: bool
    sensitivities: tuple[str, ...] = ()
    financial: bool = False
    tenants: int = 1
    tenant_share: float = 0.0

    def to_json(self) -> dict[str, Json]:
        """Of tenants where there are several."""
        below = {"tenants": self.tenants, "tenant_share": self.tenant_share} if self.tenant_share else {}
        return {
            "scopes": self.scopes,
            "leaves": self.leaves,
            "tenant_wide": self.tenant_wide,
            "sensitivities": list(self.sensitivities),
            "financial": self.financial,
            **below,
        }

    @classmethod
    def of(cls, raw: Json) -> Self:
        """From its own JSON."""
        wide, degrees = raw["tenant_wide"], tuple(raw["sensitivities"])
        below = raw.get("tenants", 1), raw.get("tenant_share", 0.0)
        return cls(raw["scopes"], raw["leaves"], wide, degrees, raw["financial"], *below)


EVERYWHERE = Reach(scopes=1, leaves=1, tenant_wide=True)
"""Of what an environment has once and for all: a flag, or the rules that its flags share."""
