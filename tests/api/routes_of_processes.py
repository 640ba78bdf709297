"""The routes of processes, each with the permission that it needs."""

from domain.people import Permission
from tests.api.route import Route

P = Permission
PROCESS = {"type": "ledger.move-cash", "id": "42", "data": {}}
DECISION = {"operation_id": "00000000-0000-4000-8000-000000000001", "reason": "because of the test"}
ONE = "/processes/{type}/{id}"
ROUTES = [
    Route("POST", "/processes", P.COMMANDS_SEND, PROCESS, names=False),
    Route("GET", "/processes", P.COMMANDS_READ, names=False),
    Route("GET", ONE, P.COMMANDS_READ),
    Route("GET", f"{ONE}/trail", P.COMMANDS_READ, names=False),
    Route("POST", f"{ONE}/cancel", P.COMMANDS_OPERATE, DECISION),
    Route("POST", f"{ONE}/retry", P.COMMANDS_OPERATE, DECISION),
    Route("GET", "/process-types", P.COMMANDS_READ, names=False),
]
