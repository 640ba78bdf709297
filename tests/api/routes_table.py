"""Every route of the API, with a request of good form and the permission that it needs."""

from dataclasses import dataclass, replace
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
        filled = filled.replace("{calendar}", "kit").replace("{entity}", "kit").replace("{year}", "2024")
        filled = filled.replace("{delivery}", change).replace("{kind}", "flag")
        return filled.replace("{environment}", "dev") + self.query


P = Permission
DEV = "?environment=dev"
ROUTES = [
    Route("POST", "/flags", P.FEATURES_MANAGE, {"environment": "dev", "key": "other", "definition": FLAG, **WHY},
          names=False),
    Route("GET", "/flags", P.FEATURES_READ, query=DEV, names=False),
    Route("GET", "/flags/{key}", P.FEATURES_READ, query=DEV),
    Route("PUT", "/flags/{key}", P.FEATURES_MANAGE, {"definition": NEW, **WHY}, DEV),
    Route("POST", "/flags/{key}/disable", P.FEATURES_MANAGE, WHY, DEV),
    Route("GET", "/flags/{key}/versions", P.FEATURES_READ, query=DEV),
    Route("POST", "/flags/{key}/kill", P.FEATURES_KILL, WHY, DEV),
    Route("POST", "/flags/{key}/evaluate", P.FEATURES_EVALUATE, {"context": {}}, DEV),
    Route("GET", "/evaluators", P.FEATURES_READ, query=DEV, names=False),
    Route("PUT", "/evaluators", P.FEATURES_MANAGE, {"evaluators": {}, **WHY}, DEV, names=False),
    Route("GET", "/evaluators/versions", P.FEATURES_READ, query=DEV, names=False),
    Route("POST", "/setting-definitions", P.SETTINGS_MANAGE, {"definition": {"key": "fresh", "type": "string"}, **WHY},
          names=False),
    Route("GET", "/setting-definitions", P.SETTINGS_READ, names=False),
    Route("GET", "/setting-definitions/{key}", P.SETTINGS_READ),
    Route("PUT", "/setting-definitions/{key}", P.SETTINGS_MANAGE,
          {"definition": {"type": "string", "description": "new"}, **WHY}),
    Route("GET", "/setting-definitions/{key}/versions", P.SETTINGS_READ),
    Route("GET", "/setting-rules", P.SETTINGS_READ, names=False),
    Route("PUT", "/setting-rules", P.SETTINGS_MANAGE, {"rules": [], **WHY}, names=False),
    Route("GET", "/settings/effective", P.SETTINGS_READ, query=DEV, names=False),
    Route("POST", "/settings/bulk", P.SETTINGS_MANAGE,
          {"environment": "dev", "items": [{"key": "checkout", "value": "x"}], **WHY}, names=False),
    Route("GET", "/settings/{key}", P.SETTINGS_READ, query=DEV),
    Route("PUT", "/settings/{key}", P.SETTINGS_MANAGE, {"value": "x", **WHY}, DEV),
    Route("DELETE", "/settings/{key}", P.SETTINGS_MANAGE, query=f"{DEV}&reason=because"),
    Route("POST", "/settings/{key}/cancel", P.SETTINGS_MANAGE, query=f"{DEV}&reason=because"),
    Route("GET", "/settings/{key}/versions", P.SETTINGS_READ, query=DEV),
    Route("GET", "/settings/{key}/effective", P.SETTINGS_READ, query=DEV),
    Route("GET", "/settings/{key}/explain", P.SETTINGS_READ, query=DEV),
    Route("GET", "/settings/{key}/diff", P.SETTINGS_READ, query=f"{DEV}&from=1&to=2"),
    Route("POST", "/settings/{key}/rollback", P.SETTINGS_MANAGE, {"to_version": 1, **WHY}, DEV),
    Route("POST", "/settings/{key}/check", P.SETTINGS_READ, {"value": "x"}, DEV),
    Route("POST", "/settings/{key}/reveal", P.SETTINGS_REVEAL, query=DEV, people=False),
    Route("POST", "/configs", P.SETTINGS_MANAGE,
          {"environment": "dev", "key": "checkout", "value": "x", **WHY}, names=False),
    Route("GET", "/configs/tenant/{tenant}", P.SETTINGS_READ),
    Route("GET", "/configs/compare", P.SETTINGS_READ, query="?left=dev&right=qa", names=False),
    Route("POST", "/configs/promotions", P.SETTINGS_MANAGE, {"from": "dev", "to": "qa", "prefix": "c", **WHY},
          names=False),
    Route("GET", "/configs/{config}", P.SETTINGS_READ),
    Route("PUT", "/configs/{config}", P.SETTINGS_MANAGE, {"value": "x", **WHY}),
    Route("DELETE", "/configs/{config}", P.SETTINGS_MANAGE, query="?reason=because"),
    Route("GET", "/configs/{config}/versions", P.SETTINGS_READ),
    Route("GET", "/configs/{config}/diff", P.SETTINGS_READ, query="?from=v1&to=v2"),
    Route("POST", "/configs/{config}/rollback", P.SETTINGS_MANAGE, {"to_version": 1, **WHY}),
    Route("GET", "/settings-bundles", P.SETTINGS_READ, query=DEV, names=False),
    Route("POST", "/settings-bundles", P.SETTINGS_MANAGE, {"environment": "dev", "bundle": {}, **WHY}, names=False),
    Route("POST", "/settings-bundles/drift", P.SETTINGS_READ, {"environment": "dev", "bundle": {}}, names=False),
    Route("POST", "/settings-bundles/uploads", P.SETTINGS_MANAGE, {}, names=False),
    Route("POST", "/imports", P.SETTINGS_MANAGE, {"environment": "dev", "upload": NOWHERE, **WHY}),
    Route("GET", "/imports", P.SETTINGS_READ, names=False),
    Route("GET", "/imports/{id}", P.SETTINGS_READ),
    Route("GET", "/imports/{id}/progress", P.SETTINGS_READ),
    Route("POST", "/imports/{id}/cancel", P.SETTINGS_MANAGE, WHY),
    Route("POST", "/changes", P.CHANGE_PROPOSE, PROPOSAL, names=False),
    Route("GET", "/changes", P.CHANGE_READ, names=False),
    Route("GET", "/changes/{id}", P.CHANGE_READ),
    Route("GET", "/changes/{id}/diff", P.CHANGE_READ),
    Route("POST", "/changes/{id}/submit", P.CHANGE_PROPOSE),
    Route("POST", "/changes/{id}/withdraw", None, {"reason": "no longer"}),
    Route("POST", "/changes/{id}/rebase", P.CHANGE_PROPOSE),
    Route("POST", "/changes/{id}/revert", P.CHANGE_PROPOSE, WHY),
    Route("POST", "/approvals", P.CHANGE_PROPOSE, {"change_id": "{id}"}),
    Route("GET", "/approvals/pending", P.CHANGE_READ, names=False),
    Route("GET", "/approvals/{id}", P.CHANGE_READ),
    Route("GET", "/approvals/{id}/brief", P.CHANGE_READ),
    Route("POST", "/approvals/{id}/approve", P.CHANGE_APPROVE, {}),
    Route("POST", "/approvals/{id}/reject", P.CHANGE_APPROVE, {"reason": "it is not good enough"}),
    Route("POST", "/approvals/{id}/withdraw-vote", None, {}),
    Route("POST", "/approvals/{id}/assertions", P.CHANGE_APPROVE, {"answer": "approve"}),
    Route("POST", "/approvals/{id}/comments", None, {"text": "why so much at once?"}),
    Route("POST", "/delegations", P.CHANGE_APPROVE, LENT, names=False),
    Route("GET", "/delegations", P.CHANGE_READ, names=False),
    Route("POST", "/delegations/{id}/revoke", None, WHY),
    Route("POST", "/changes/{id}/break-glass", P.CHANGE_BREAKGLASS,
          {"reason": "the shop is down and nobody answers", "incident": "INC-1"}),
    Route("GET", "/reviews", P.CHANGE_READ, names=False),
    Route("GET", "/reviews/{id}", P.CHANGE_READ),
    Route("POST", "/reviews/{id}/close", P.CHANGE_APPROVE, {"finding": "it was needed"}),
    Route("GET", "/groups", P.CHANGE_READ, names=False),
    Route("GET", "/groups/{name}", P.CHANGE_READ),
    Route("PUT", "/groups/{name}", P.PEOPLE_MANAGE, {"members": [], **WHY}, names=False),
    Route("POST", "/rollouts", P.CHANGE_PROPOSE, PROPOSAL, names=False),
    Route("GET", "/rollouts", P.CHANGE_READ, names=False),
    Route("GET", "/rollouts/{id}", P.CHANGE_READ),
    Route("GET", "/rollouts/{id}/timeline", P.CHANGE_READ),
    Route("GET", "/rollouts/{id}/evidence", P.CHANGE_READ),
    Route("POST", "/rollouts/{id}/pause", P.ROLLOUT_CONTROL, WHY),
    Route("POST", "/rollouts/{id}/resume", P.ROLLOUT_CONTROL, WHY),
    Route("POST", "/rollouts/{id}/promote", P.ROLLOUT_PROMOTE, WHY),
    Route("POST", "/rollouts/{id}/abort", P.ROLLOUT_CONTROL, WHY),
    Route("POST", "/rollouts/{id}/rollback", P.ROLLOUT_CONTROL, WHY),
    Route("POST", "/rollouts/{id}/rollback-incomplete/retry", P.ROLLOUT_CONTROL, WHY),
    Route("POST", "/rollouts/{id}/rollback-incomplete/accept", P.ROLLOUT_CONTROL, WHY),
    Route("POST", "/rollouts/{id}/rollback-incomplete/force", P.ROLLOUT_CONTROL, WHY),
    Route("POST", "/rollouts/{id}/preview-tokens", P.CHANGE_READ),
    Route("POST", "/rollouts/{id}/supersede", P.ROLLOUT_PROMOTE, WHY),
    Route("POST", "/freezes", P.ROLLOUT_CONTROL, {"until": TOMORROW, **WHY}, names=False),
    Route("GET", "/freezes", P.CHANGE_READ, names=False),
    Route("GET", "/freezes/{id}", P.CHANGE_READ),
    Route("DELETE", "/freezes/{id}", P.ROLLOUT_CONTROL, query="?reason=because"),
    Route("POST", "/blocks", P.ROLLOUT_CONTROL, WHY, names=False),
    Route("GET", "/blocks", P.CHANGE_READ, names=False),
    Route("GET", "/blocks/{id}", P.CHANGE_READ),
    Route("DELETE", "/blocks/{id}", P.ROLLOUT_CONTROL, query="?reason=because"),
    Route("GET", "/change-windows", P.CHANGE_READ, names=False),
    Route("GET", "/change-windows/{name}", P.CHANGE_READ),
    Route("PUT", "/change-windows/{name}", P.POLICY_MANAGE,
          {"window": {"time_zone": "UTC", "hours": {"mon": [["09:00", "17:00"]]}}, **WHY}, names=False),
    Route("GET", "/rollout-policies/{environment}/{kind}", P.CHANGE_READ, names=False),
    Route("PUT", "/rollout-policies/{environment}/{kind}", P.POLICY_MANAGE, {"policy": {}, **WHY}, names=False),
    Route("GET", "/deployments/{id}/parts", P.CHANGE_READ),
    Route("GET", "/deployments/{id}/convergence", P.CHANGE_READ),
    Route("GET", "/deployments/{id}/durations", P.CHANGE_READ),
    Route("GET", "/deployments/{id}/events", P.CHANGE_READ, query="?seconds=0"),
    Route("POST", "/instances/acknowledgements", P.FEATURES_EVALUATE,
          {"environment": "dev", "instances": [{"name": "shop-1", "flags": 1}]}, names=False),
    Route("GET", "/targets/{environment}/{kind}/{key}/instances", P.FEATURES_READ),
    Route("GET", "/targets/{environment}/{kind}/{key}/live", P.FEATURES_READ),
    Route("GET", "/targets/{environment}/{kind}/{key}/stable", P.FEATURES_READ),
    Route("GET", "/targets/{environment}/{kind}/{key}/history", P.FEATURES_READ, names=False),
    Route("GET", "/entities", P.PERIODS_READ, names=False),
    Route("GET", "/entities/{entity}", P.PERIODS_READ),
    Route("PUT", "/entities/{entity}", P.PERIODS_MANAGE, {"name": "Kit", "time_zone": "UTC", **WHY}, names=False),
    Route("GET", "/entities/{entity}/due-dates", P.PERIODS_READ, query="?after=2024-03-28&business_days=2"),
    Route("POST", "/calendar-drafts", P.PERIODS_READ, {"rule": MONTHS, "year": 2024}, names=False),
    Route("GET", "/calendars", P.PERIODS_READ, names=False),
    Route("GET", "/calendars/{calendar}", P.PERIODS_READ),
    Route("PUT", "/calendars/{calendar}", P.PERIODS_MANAGE, {"rule": MONTHS, **WHY}, names=False),
    Route("GET", "/calendars/{calendar}/versions", P.PERIODS_READ),
    Route("GET", "/calendars/{calendar}/periods", P.PERIODS_READ),
    Route("GET", "/calendars/{calendar}/comparison", P.PERIODS_READ,
          query="?other=kit&from=2024-01-01&until=2024-12-31"),
    Route("GET", "/calendars/{calendar}/years", P.PERIODS_READ),
    Route("POST", "/calendars/{calendar}/years/{year}", P.PERIODS_MANAGE, WHY),
    Route("POST", "/calendars/{calendar}/years/{year}/preview", P.PERIODS_READ, {}),
    Route("GET", "/calendars/{calendar}/years/{year}", P.PERIODS_READ),
    Route("GET", "/calendars/{calendar}/years/{year}/restated", P.PERIODS_READ),
    Route("DELETE", "/calendars/{calendar}/years/{year}", P.PERIODS_MANAGE, query="?reason=because"),
    Route("GET", "/me", None, names=False),
    Route("GET", "/people", P.CHANGE_READ, names=False),
    Route("POST", "/people", P.PEOPLE_MANAGE,
          {"handle": "zoe", "issuer": "nobody", "subject": "zoe", "roles": [], **WHY}, names=False),
    Route("PUT", "/people/{handle}/roles", P.PEOPLE_MANAGE, {"roles": ["Viewer"], **WHY}),
    Route("GET", "/policies/{environment}", P.CHANGE_READ, names=False),
    Route("PUT", "/policies/{environment}", P.POLICY_MANAGE, {"policy": {"levels": []}, **WHY}, names=False),
    Route("POST", "/gates/feasibility", P.CHANGE_PROPOSE,
          {"environment": "dev", "key": "checkout", "metrics": {"candidate": "on", "control": "off"}}, names=False),
    Route("GET", "/gates/feasibility/{id}", P.CHANGE_READ),
    Route("POST", "/gates/simulate", P.CHANGE_PROPOSE,
          {"readings": [{"at": "2026-01-31T12:00:00Z"}, {"at": "2026-01-31T12:01:00Z"}]}, names=False),
    Route("GET", "/gates/replays/{id}", P.CHANGE_READ),
    Route("POST", "/telemetry", P.TELEMETRY_WRITE, {"batch": "b1", "samples": [SAMPLE]}, names=False),
    Route("GET", "/watch", P.SETTINGS_READ, names=False),
    Route("POST", "/webhooks", P.WEBHOOKS_MANAGE, {"url": "https://receiver.example/x", **WHY}, names=False),
    Route("GET", "/webhooks", P.WEBHOOKS_MANAGE, names=False),
    Route("GET", "/webhooks/{id}", P.WEBHOOKS_MANAGE),
    Route("PUT", "/webhooks/{id}", P.WEBHOOKS_MANAGE, {"url": "https://receiver.example/y", **WHY}),
    Route("DELETE", "/webhooks/{id}", P.WEBHOOKS_MANAGE, query="?reason=because"),
    Route("POST", "/webhooks/{id}/secret", P.WEBHOOKS_MANAGE, WHY),
    Route("POST", "/webhooks/{id}/test", P.WEBHOOKS_MANAGE, WHY),
    Route("GET", "/webhooks/{id}/deliveries", P.WEBHOOKS_MANAGE),
    Route("POST", "/webhooks/{id}/deliveries/{delivery}/redeliver", P.WEBHOOKS_MANAGE, WHY),
    Route("GET", "/destinations", P.WEBHOOKS_MANAGE, names=False),
    Route("GET", "/destinations/{name}", P.WEBHOOKS_MANAGE),
    Route("PUT", "/destinations/{name}", P.WEBHOOKS_MANAGE,
          {"kind": "slack", "url": "https://hooks.example/x", **WHY}, names=False),
    Route("DELETE", "/destinations/{name}", P.WEBHOOKS_MANAGE, query="?reason=because"),
    Route("GET", "/approval-systems", P.POLICY_MANAGE, names=False),
    Route("GET", "/approval-systems/{name}", P.POLICY_MANAGE),
    Route("PUT", "/approval-systems/{name}", P.POLICY_MANAGE, {"url": "https://sn.example", "mapping": {}, **WHY},
          names=False),
    Route("DELETE", "/approval-systems/{name}", P.POLICY_MANAGE, query="?reason=because"),
    Route("GET", "/approvals/{id}/tickets", P.CHANGE_READ),
    Route("GET", "/audit-logs", P.AUDIT_READ, names=False),
    Route("GET", "/audit-logs/export", P.AUDIT_EXPORT, names=False),
    Route("POST", "/tenants", P.TENANTS_MANAGE, TENANT, names=False),
    Route("GET", "/tenants", P.TENANTS_MANAGE, names=False),
    Route("GET", "/tenants/{id}", P.TENANTS_MANAGE),
    Route("PUT", "/tenants/{id}", P.TENANTS_MANAGE, {"name": "Acme", "tier": "free", **WHY}),
    Route("DELETE", "/tenants/{id}", P.TENANTS_MANAGE, query="?reason=because"),
    Route("POST", "/tenants/{id}/suspend", P.TENANTS_MANAGE, WHY),
    Route("POST", "/tenants/{id}/resume", P.TENANTS_MANAGE, WHY),
    Route("POST", "/tenants/{id}/recover", P.TENANTS_MANAGE, WHY),
    Route("GET", "/tenants/{id}/audit", P.AUDIT_READ),
    Route("GET", "/tenants/{id}/locks", P.TENANTS_MANAGE, query=DEV),
    Route("GET", "/tenants/{id}/locks/{key}", P.TENANTS_MANAGE, query=DEV),
    Route("PUT", "/tenants/{id}/locks/{key}", P.TENANTS_MANAGE, {"value": "x", **WHY}, DEV),
    Route("DELETE", "/tenants/{id}/locks/{key}", P.TENANTS_MANAGE, query=f"{DEV}&reason=because"),
    Route("GET", "/tenant-templates", P.TENANTS_MANAGE, names=False),
    Route("GET", "/tenant-templates/{name}", P.TENANTS_MANAGE),
    Route("PUT", "/tenant-templates/{name}", P.TENANTS_MANAGE, WHY, names=False),
    Route("GET", "/tenant-templates/{name}/versions", P.TENANTS_MANAGE),
]  # fmt: skip
ROUTES += [
    replace(each, template=each.template.replace("/rollouts", "/deployments"))
    for each in ROUTES
    if each.template.startswith("/rollouts")
]
