"""The routes of commands, each with the permission that it needs."""

from domain.people import Permission
from tests.api.route import TOMORROW, Route

P = Permission
COMMAND = {"type": "ledger.post-journal", "id": "42", "payload": {"entry": 7}}
DECISION = {"operation_id": "00000000-0000-4000-8000-000000000001", "reason": "because of the test"}
BULK = {**DECISION, "act": "retry", "filter": {"domain": "ledger"}, "dry_run": True}
PARKED = "/parked-commands/{domain}/{id}"
ROUTES = [
    Route("POST", "/commands", P.COMMANDS_SEND, COMMAND, names=False),
    Route("POST", "/commands/bulk", P.COMMANDS_SEND, {"commands": [COMMAND]}, names=False),
    Route("GET", "/commands", P.COMMANDS_READ, names=False),
    Route("GET", "/commands/{domain}/{id}", P.COMMANDS_READ),
    Route("GET", "/commands/{domain}/{id}/trail", P.COMMANDS_READ, names=False),
    Route("GET", "/command-types", P.COMMANDS_READ, names=False),
    Route("POST", "/command-batches", P.COMMANDS_SEND, {"id": "b1", "commands": [COMMAND]}, names=False),
    Route("GET", "/command-batches", P.COMMANDS_READ, names=False),
    Route("GET", "/command-batches/{id}", P.COMMANDS_READ),
    Route("GET", "/parked-commands", P.COMMANDS_READ, names=False),
    Route("GET", "/parked-commands/causes", P.COMMANDS_READ, names=False),
    Route("GET", PARKED, P.COMMANDS_READ),
    Route("GET", "/commands/{domain}/{id}/progress", P.COMMANDS_READ),
    Route("POST", "/commands/{domain}/{id}/cancel", P.COMMANDS_OPERATE, DECISION),
    Route("POST", f"{PARKED}/retry", P.COMMANDS_OPERATE, DECISION),
    Route("POST", f"{PARKED}/cancel", P.COMMANDS_OPERATE, DECISION),
    Route("POST", f"{PARKED}/edit", P.COMMANDS_OPERATE, {**DECISION, "patch": [{"op": "remove", "path": "/a"}]}),
    Route("GET", "/commands/{domain}/{id}/operations", P.COMMANDS_READ),
    Route("GET", "/commands/{domain}/{id}/lineage", P.COMMANDS_READ),
    Route("GET", "/command-operations/{id}", P.COMMANDS_READ),
    Route("POST", "/command-operations/{id}/withdraw", P.COMMANDS_OPERATE, {"reason": "because of the test"}),
    Route("POST", f"{PARKED}/complete", P.COMMANDS_OPERATE, {**DECISION, "evidence": "sha256:" + "0" * 64}),
    Route("POST", f"{PARKED}/snooze", P.COMMANDS_OPERATE, {**DECISION, "until": TOMORROW}),
    Route("POST", f"{PARKED}/assign", P.COMMANDS_OPERATE, {**DECISION, "person": None}),
    Route("POST", "/parked-commands/bulk", P.COMMANDS_OPERATE, BULK, names=False),
    Route("GET", "/command-bulks", P.COMMANDS_READ, names=False),
    Route("GET", "/command-bulks/{id}", P.COMMANDS_READ),
    Route("GET", "/command-bulks/{id}/items", P.COMMANDS_READ),
    Route("POST", "/command-bulks/{id}/pause", P.COMMANDS_OPERATE, DECISION),
    Route("POST", "/command-bulks/{id}/resume", P.COMMANDS_OPERATE, DECISION),
    Route("POST", "/command-bulks/{id}/abort", P.COMMANDS_OPERATE, DECISION),
    Route("GET", "/command-retention", P.COMMANDS_READ, names=False),
    Route(
        "PUT", "/command-retention", P.POLICY_MANAGE, {"kept_days": 30, "reason": "because of the test"}, names=False
    ),
    Route("GET", "/command-breakers", P.COMMANDS_READ, names=False),
    Route("GET", "/command-breakers/{name}", P.COMMANDS_READ),
    Route("POST", "/command-breakers/{name}/open", P.COMMANDS_OPERATE, DECISION),
    Route("POST", "/command-breakers/{name}/close", P.COMMANDS_OPERATE, DECISION),
]
