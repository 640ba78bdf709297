"""How the items of bulk operations are frozen, touched and settled, each in one statement."""

from typing import Any
from uuid import UUID

from sqlalchemy import Insert, Row, func, insert, literal, select, text

from adapters.postgres.parked_commands import fits
from adapters.postgres.tables_bulks import command_bulk_item
from adapters.postgres.tables_commands import command
from application.ports.parked import ParkedFilter
from domain.canonical import Json
from domain.commands import CommandState
from domain.commands.bulk import Bulk, BulkActEntry, BulkItem, BulkState, ItemOutcome, Pace, StageEnd
from domain.commands.bulk import BulkAct as PersonsAct
from domain.commands.operations import Act

_C = command.c
TAKE = text(
    "SELECT i.place, i.version AS seen, i.cause, c.* FROM command_bulk_item i"
    " JOIN command c ON (c.tenant_id, c.domain, c.command_id) = (i.tenant_id, i.domain, i.command_id)"
    " WHERE i.bulk_id = :bulk AND i.outcome = 'waiting' ORDER BY i.place LIMIT :most FOR UPDATE OF c"
).columns(command_bulk_item.c.place, command_bulk_item.c.version.label("seen"), command_bulk_item.c.cause, *_C)
TOUCH = text(
    "UPDATE command_bulk_item i SET outcome = s.outcome, stage = s.stage, epoch = s.epoch, why = s.why"
    " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS s (place int, outcome text, stage int, epoch int, why text)"
    " WHERE i.bulk_id = :bulk AND i.place = s.place"
)
# A later epoch is somebody else's decision: in ours the command was parked again.
SETTLE = text(
    "UPDATE command_bulk_item i SET"
    " outcome = CASE WHEN c.epoch > i.epoch OR c.state = 'parked' THEN 'failed' ELSE 'done' END,"
    " same = c.epoch = i.epoch AND c.state = 'parked' AND c.error_fingerprint IS NOT DISTINCT FROM i.cause,"
    " why = CASE WHEN c.epoch > i.epoch THEN 'decided-again' WHEN c.state = 'completed' THEN ''"
    "            ELSE coalesce(c.error ->> 'code', '') END"
    " FROM command c WHERE i.bulk_id = :bulk AND i.outcome = 'retried'"
    " AND (c.tenant_id, c.domain, c.command_id) = (i.tenant_id, i.domain, i.command_id)"
    " AND (c.epoch > i.epoch OR c.state IN ('completed', 'failed', 'canceled', 'expired', 'parked'))"
)
COUNT = text(
    "SELECT count(*) AS retried,"
    " count(*) FILTER (WHERE i.outcome = 'failed' OR c.state = 'retry-wait') AS failed,"
    " count(*) FILTER (WHERE i.same OR (c.state = 'retry-wait' AND c.error_fingerprint = i.cause)) AS same,"
    " count(*) FILTER (WHERE i.outcome = 'retried' AND c.state IS DISTINCT FROM 'retry-wait') AS going,"
    " count(*) FILTER (WHERE c.state = 'retry-wait') AS again"
    " FROM command_bulk_item i LEFT JOIN command c ON i.outcome = 'retried' AND c.epoch = i.epoch"
    "  AND (c.tenant_id, c.domain, c.command_id) = (i.tenant_id, i.domain, i.command_id)"
    " WHERE i.bulk_id = :bulk AND i.outcome IN ('retried', 'done', 'failed')"
    "  AND (CAST(:stage AS int) IS NULL OR i.stage = :stage)"
)
ITEMS = text(
    "SELECT i.*, c.state FROM command_bulk_item i"
    " JOIN command c ON (c.tenant_id, c.domain, c.command_id) = (i.tenant_id, i.domain, i.command_id)"
    " WHERE i.bulk_id = :bulk AND i.place > :after AND (CAST(:outcome AS text) IS NULL OR i.outcome = :outcome)"
    " ORDER BY i.place LIMIT :limit"
).columns(*command_bulk_item.c, _C.state)


def frozen(bulk: UUID, tenant: UUID, wanted: ParkedFilter, most: int) -> Insert:
    """The longest parked first."""
    order = (_C.parked_at, _C.domain, _C.command_id)
    found = (
        select(literal(tenant), literal(bulk), func.row_number().over(order_by=order), _C.domain, _C.command_id,
               _C.version, _C.error_fingerprint)
        .where(fits(command, wanted))
        .order_by(*order)
        .limit(most)
    )  # fmt: skip
    names = ["tenant_id", "bulk_id", "place", "domain", "command_id", "version", "cause"]
    return insert(command_bulk_item).from_select(names, found)


def asked(bulk: Bulk, tenant: UUID) -> dict[str, Any]:
    return {
        "tenant_id": tenant,
        "bulk_id": bulk.id,
        "act": bulk.act.value,
        "requester": bulk.requester,
        "reason": bulk.reason,
        "digest": bulk.digest,
        "wanted": bulk.wanted,
        "asked_at": bulk.asked_at,
        "stages": list(bulk.stages),
        "pace": bulk.pace.to_json(),
        **moving(bulk),
    }


def moving(bulk: Bulk) -> dict[str, Any]:
    """What changes while it goes on."""
    return {
        "state": bulk.state.value,
        "why": bulk.why,
        "stage": bulk.stage,
        "acted": bulk.acted,
        "settles_until": bulk.settles_until,
        "ended": [each.to_json() for each in bulk.ended],
        "approval": bulk.approval,
        "version": bulk.version,
    }


def touched(item: BulkItem) -> dict[str, Json]:
    return {
        "place": item.place,
        "outcome": item.outcome.value,
        "stage": item.stage,
        "epoch": item.epoch,
        "why": item.why,
    }


def bulk_of(row: Row[Any]) -> Bulk:
    return Bulk(
        row.bulk_id, row.tenant_id, Act(row.act), row.requester, row.reason, row.digest, row.wanted, row.asked_at,
        tuple(row.stages), Pace(**row.pace), row.total, BulkState(row.state), row.why, row.stage, row.acted,
        row.settles_until, tuple(StageEnd.from_json(each) for each in row.ended), row.approval, row.version,
    )  # fmt: skip


def item_of(row: Row[Any]) -> BulkItem:
    return BulkItem(
        row.place, (row.domain, row.command_id), row.version, row.cause, ItemOutcome(row.outcome), row.stage,
        row.epoch, row.why, row.same, CommandState(row.state),
    )  # fmt: skip


def act_of(row: Row[Any]) -> BulkActEntry:
    return BulkActEntry(
        row.operation_id, row.bulk_id, PersonsAct(row.act), row.actor, row.reason, row.digest, BulkState(row.state),
        row.version, row.at,
    )  # fmt: skip
