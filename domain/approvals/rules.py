"""A rule of a policy asks more people where a change exposes more or reaches further."""

from dataclasses import dataclass
from typing import Any

from domain.approvals.levels import Level, parsed_levels
from domain.changes.reach import Reach
from domain.errors import Fault
from domain.pointers import escaped
from domain.settings.fields import Sensitivity

MOST_RULES = 20
MOST_COUNT = 1_000_000
_SHARE = "tenant_share_at_least"
_COUNTS = ("scopes_at_least", "leaves_at_least", "tenants_at_least")


@dataclass(frozen=True)
class When:
    """Every condition that is given must hold; of `sensitivity` one that any setting in the change has is enough."""

    sensitivity: tuple[Sensitivity, ...] = ()
    financial: bool | None = None
    tenant_wide: bool | None = None
    scopes_at_least: int = 0
    leaves_at_least: int = 0
    tenants_at_least: int = 0
    tenant_share_at_least: float = 0.0

    def holds(self, reach: Reach) -> bool:
        if self.sensitivity and set(self.sensitivity).isdisjoint(reach.sensitivities):
            return False
        if self.financial is not None and self.financial is not reach.financial:
            return False
        if self.tenant_wide is not None and self.tenant_wide is not reach.tenant_wide:
            return False
        if reach.tenants < self.tenants_at_least or reach.tenant_share < self.tenant_share_at_least:
            return False
        return reach.scopes >= self.scopes_at_least and reach.leaves >= self.leaves_at_least

    def to_json(self) -> dict[str, Any]:
        """Without the conditions that are not given."""
        said: dict[str, Any] = {}
        if self.sensitivity:
            said["sensitivity"] = [each.value for each in self.sensitivity]
        if self.financial is not None:
            said["financial"] = self.financial
        wide = {} if self.tenant_wide is None else {"tenant_wide": self.tenant_wide}
        counts = {name: getattr(self, name) for name in (*_COUNTS, _SHARE) if getattr(self, name)}
        return said | ({"reach": {**wide, **counts}} if wide or counts else {})


@dataclass(frozen=True)
class PolicyRule:
    when: When
    levels: tuple[Level, ...]

    def to_json(self) -> dict[str, Any]:
        return {"when": self.when.to_json(), "levels": [level.to_json() for level in self.levels]}


def strictness(levels: tuple[Level, ...]) -> tuple[int, int, int]:
    """What is compared, largest first: how many levels, how many votes in all, and how few may give them."""
    roles = sum(len(level.roles) for level in levels)
    return len(levels), sum(level.quorum for level in levels), -roles - sum(len(level.people) for level in levels)


def parsed_rules(raw: Any, path: str, faults: list[Fault]) -> tuple[PolicyRule, ...]:
    """The rules of this JSON; what is wrong with it is added to `faults`."""
    if not isinstance(raw, list) or len(raw) > MOST_RULES:
        faults.append(Fault(path, f"a list of at most {MOST_RULES} rules"))
        return ()
    return tuple(_rule(entry, f"{path}/{index}", faults) for index, entry in enumerate(raw))


def _rule(raw: Any, path: str, faults: list[Fault]) -> PolicyRule:
    if not isinstance(raw, dict) or raw.keys() != {"when", "levels"}:
        faults.append(Fault(path, "an object with when and levels, and nothing else"))
        return PolicyRule(When(), ())
    levels = parsed_levels(raw["levels"], f"{path}/levels", faults)
    if raw["levels"] == []:
        faults.append(Fault(f"{path}/levels", "at least one: a rule asks more people, never fewer"))
    return PolicyRule(_when(raw["when"], f"{path}/when", faults), levels)


def _when(raw: Any, path: str, faults: list[Fault]) -> When:
    if not isinstance(raw, dict) or not raw:
        faults.append(Fault(path, "an object with at least one condition"))
        return When()
    _unknown(raw.keys() - {"sensitivity", "financial", "reach"}, path, faults)
    reach = raw.get("reach", {})
    if not isinstance(reach, dict) or ("reach" in raw and not reach):
        faults.append(Fault(f"{path}/reach", "an object with at least one condition"))
        reach = {}
    _unknown(reach.keys() - {"tenant_wide", _SHARE, *_COUNTS}, f"{path}/reach", faults)
    sensitivity = _sensitivity(raw, f"{path}/sensitivity", faults)
    financial = _truth(raw, "financial", path, faults)
    tenant_wide = _truth(reach, "tenant_wide", f"{path}/reach", faults)
    scopes, leaves, tenants = (_count(reach, name, f"{path}/reach", faults) for name in _COUNTS)
    share = _share(reach, f"{path}/reach", faults)
    return When(sensitivity, financial, tenant_wide, scopes, leaves, tenants, share)


def _share(raw: dict[str, Any], path: str, faults: list[Fault]) -> float:
    given = raw.get(_SHARE, 0.0)
    if _SHARE in raw and (not isinstance(given, int | float) or isinstance(given, bool) or not 0 < given <= 1):
        faults.append(Fault(f"{path}/{_SHARE}", "a number above 0 and at most 1"))
        return 0.0
    return float(given)


def _unknown(names: set[str], path: str, faults: list[Fault]) -> None:
    faults += [Fault(f"{path}/{escaped(name)}", "unknown field") for name in sorted(names)]


def _sensitivity(raw: dict[str, Any], path: str, faults: list[Fault]) -> tuple[Sensitivity, ...]:
    given = raw.get("sensitivity")
    if "sensitivity" not in raw:
        return ()
    if not isinstance(given, list) or not given or not all(each in list(Sensitivity) for each in given):
        faults.append(Fault(path, "a list of at least one of " + ", ".join(Sensitivity)))
        return ()
    return tuple(dict.fromkeys(Sensitivity(each) for each in given))


def _truth(raw: dict[str, Any], name: str, path: str, faults: list[Fault]) -> bool | None:
    given = raw.get(name)
    if name in raw and not isinstance(given, bool):
        faults.append(Fault(f"{path}/{name}", "true or false"))
        return None
    return given


def _count(raw: dict[str, Any], name: str, path: str, faults: list[Fault]) -> int:
    given = raw.get(name, 0)
    if name in raw and (not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= MOST_COUNT):
        faults.append(Fault(f"{path}/{name}", f"a whole number from 1 to {MOST_COUNT}"))
        return 0
    return int(given)
