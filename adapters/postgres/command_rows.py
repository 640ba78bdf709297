"""How commands are written, many in one statement: each goes in as one object of JSON."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, TextualSelect, text

from adapters.postgres.tables_commands import command
from domain.canonical import Json
from domain.commands import Command, CommandError, CommandRecord, CommandState, OnUnique, Options, ParkedKind, ReplyTo

_AS_ASKED = (
    "not_before", "expires_at", "priority", "ordering_key", "max_attempts", "correlation", "causation", "entity",
    "effective_date",
)  # fmt: skip
_MOVING = (
    "version", "state", "parked", "epoch", "attempt", "crashes", "due_at", "rank", "lease", "result", "ended_at",
    "alone",
)  # fmt: skip
SEND = text(
    "INSERT INTO command AS c (tenant_id, domain, command_id, type, schema_version, payload, fingerprint, not_before,"
    " expires_at, priority, ordering_key, max_attempts, correlation, causation, change_id, sender, sent_at, seq, state,"
    " epoch, attempt, crashes, due_at, rank, version, entity, effective_date, batch_id,"
    " reply_to, unique_key, on_unique, alone)"
    " SELECT :tenant, domain, command_id, type, schema_version, payload, fingerprint, not_before, expires_at, priority,"
    " ordering_key, max_attempts, correlation, causation, change_id, sender, sent_at, seq, 'pending',"
    " 1, 0, 0, due_at, rank, 1, entity, effective_date, batch_id, reply_to, unique_key, on_unique, alone"
    # Numbered as they were given, written in an order that is everybody's: two senders never wait for each other.
    " FROM (SELECT given.*, nextval('command_seq') AS seq FROM ("
    "  SELECT * FROM ROWS FROM (jsonb_to_recordset(CAST(:rows AS jsonb)) AS (domain text, command_id text, type text,"
    "   schema_version int, payload jsonb, fingerprint text, not_before timestamptz, expires_at timestamptz,"
    "   priority int, ordering_key text, max_attempts int, correlation uuid, causation text, change_id uuid,"
    "   sender uuid, sent_at timestamptz, due_at timestamptz, rank timestamptz,"
    "   entity text, effective_date date, batch_id text, reply_to jsonb,"
    "   unique_key text, on_unique text, alone boolean)) WITH ORDINALITY ORDER BY ordinality"
    " ) AS given) AS numbered"
    " WHERE NOT EXISTS (SELECT FROM command_purged p WHERE p.tenant_id = :tenant AND p.domain = numbered.domain"
    "   AND p.command_id = numbered.command_id AND p.known_until > now())"
    " ORDER BY domain, command_id"
    " ON CONFLICT DO NOTHING RETURNING c.domain, c.command_id"
)
_DUE = (
    "w.domain = :domain AND w.state IN ('pending', 'retry-wait') AND w.rank <= now() AND w.due_at <= now()"
    " AND standing_of(:tenant) = 'active' AND (w.crashes = 0 OR :suspects)"
    " AND (w.ordering_key IS NULL OR NOT EXISTS ("
    "  SELECT FROM command e WHERE e.tenant_id = w.tenant_id AND e.domain = w.domain"
    "     AND e.ordering_key = w.ordering_key AND e.seq < w.seq"
    "     AND e.state NOT IN ('completed', 'failed', 'canceled', 'expired')))"
)
# Those whose workers vanished may be what kills workers: they are taken by themselves, if one of them is the first.
_TAKE = (
    " turn AS ("
    "  SELECT f.*, first_value(crashes) OVER line AS foremost,"
    "         row_number() OVER (PARTITION BY crashes > 0 ORDER BY rank, command_id) AS place"
    "    FROM free f WINDOW line AS (ORDER BY rank, command_id)"
    "), made AS ("
    "  INSERT INTO command_lease (tenant_id, lease_id, domain, ends_at)"
    "  SELECT :tenant, :lease, :domain, :ends_at WHERE EXISTS (SELECT FROM turn)"
    ")"
    " UPDATE command c SET state = 'dispatched', lease = :lease, version = c.version + 1 FROM turn"
    "  WHERE c.tenant_id = :tenant AND c.domain = turn.domain AND c.command_id = turn.command_id"
    "    AND CASE WHEN turn.foremost > 0 THEN turn.crashes > 0 AND turn.place <= :together"
    "             ELSE turn.crashes = 0 END"
    " RETURNING c.*"
)
LEASE = text(
    "WITH free AS ("  # noqa: S608 -- parts of one statement
    f"  SELECT w.domain, w.command_id, w.rank, w.crashes FROM command w WHERE {_DUE} AND NOT w.alone"
    "   ORDER BY w.rank, w.command_id LIMIT :most FOR UPDATE SKIP LOCKED"
    f"), {_TAKE}"
).columns(*command.c)


def _by_type(which: str = "") -> TextualSelect:
    """By the index from type to type and receiver to receiver: of those without room none is read, however many.

    Rooms of receivers count before those of types: what is over the one takes nothing of the other.
    """
    due = f"w.domain = :domain AND w.state IN ('pending', 'retry-wait'){which}"
    return text(
        "WITH RECURSIVE waiting AS ("  # noqa: S608 -- parts of one statement
        f"  (SELECT w.type, w.dependency FROM command w WHERE {due} ORDER BY w.type, w.dependency LIMIT 1)"
        "  UNION ALL"
        "  SELECT next.type, next.dependency FROM waiting CROSS JOIN LATERAL ("
        "   SELECT w.type, w.dependency FROM command w"
        f"   WHERE {due} AND (w.type, w.dependency) > (waiting.type, waiting.dependency)"
        "    ORDER BY w.type, w.dependency LIMIT 1) AS next"
        "), asked AS ("
        "  SELECT waiting.*, coalesce(r.most, :most) AS most, r.apart, r.each, CASE WHEN r.apart IS NULL THEN r.probes"
        "         ELSE coalesce(nullif(waiting.dependency, ''), r.apart) END AS shared"
        "    FROM waiting LEFT JOIN jsonb_to_recordset(CAST(:rooms AS jsonb))"
        "         AS r (type text, most bigint, probes text, apart text, each bigint) USING (type)"
        "   WHERE (waiting.type = ANY(CAST(:types AS text[]))) = :only"
        "), room AS ("
        "  SELECT asked.*, CASE WHEN shared IS NOT NULL THEN coalesce(p.room, each, 1) END AS among FROM asked"
        "    LEFT JOIN jsonb_to_recordset(CAST(:parts AS jsonb)) AS p (part text, room bigint)"
        "      ON apart IS NOT NULL AND part = shared"
        "   WHERE most > 0 AND coalesce(p.room, 1) > 0"
        "), free AS ("
        "  SELECT domain, command_id, rank, crashes FROM ("
        "    SELECT fitting.*, row_number() OVER (PARTITION BY type ORDER BY rank, command_id) AS nth FROM ("
        "      SELECT first.*, room.type, room.most, room.among,"
        "             row_number() OVER (PARTITION BY room.shared ORDER BY rank, command_id) AS nth_to_share"
        "        FROM room CROSS JOIN LATERAL ("
        "         SELECT w.domain, w.command_id, w.rank, w.crashes FROM command w"
        f"         WHERE w.type = room.type AND w.dependency = room.dependency AND {_DUE}{which}"
        "          ORDER BY w.rank, w.command_id LIMIT least(room.most, room.among, :most)"
        "          FOR UPDATE SKIP LOCKED) AS first"
        "    ) AS fitting WHERE among IS NULL OR nth_to_share <= among) AS found"
        "   WHERE nth <= most ORDER BY rank, command_id LIMIT :most"
        f"), {_TAKE}"
    ).columns(*command.c)


LEASE_BY_TYPE = _by_type(" AND NOT w.alone")
LEASE_OF_TYPES = _by_type()
LEASE_ALONE = _by_type(" AND w.alone")
SAVE = text(
    "UPDATE command c SET state = s.state, parked = s.parked, epoch = s.epoch, attempt = s.attempt,"
    " crashes = s.crashes, due_at = s.due_at, rank = s.rank, lease = s.lease, result = s.result, error = s.error,"
    " error_fingerprint = s.error_fingerprint, ended_at = s.ended_at, alone = s.alone, version = c.version + 1,"
    " parked_at = CASE WHEN s.state = 'parked' THEN coalesce(c.parked_at, now()) END,"
    " snoozed_until = CASE WHEN s.state = 'parked' THEN c.snoozed_until END"
    " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS s (domain text, command_id text, version bigint, state text,"
    "  parked text, epoch int, attempt int, crashes int, due_at timestamptz, rank timestamptz, lease uuid,"
    "  result jsonb, error jsonb, error_fingerprint text, ended_at timestamptz, alone boolean)"
    " WHERE c.domain = s.domain AND c.command_id = s.command_id AND c.version = s.version"
    " RETURNING c.domain, c.command_id, c.version, c.result, c.error, c.error_fingerprint"
).columns(*(command.c[name] for name in ("domain", "command_id", "version", "result", "error", "error_fingerprint")))


def sent(record: CommandRecord) -> dict[str, Json]:
    asked = record.command.options
    return {
        "domain": record.command.domain,
        "command_id": record.command.id,
        "type": record.command.type,
        "schema_version": record.command.schema_version,
        "payload": record.command.payload,
        "fingerprint": record.fingerprint,
        **{name: getattr(asked, name) for name in _AS_ASKED},
        "change_id": asked.change,
        "reply_to": asked.reply_to.to_json() if asked.reply_to else None,
        "unique_key": asked.unique_key,
        "on_unique": asked.on_unique.value if asked.unique_key else None,
        "sender": record.sender,
        "sent_at": record.sent_at,
        "due_at": record.due_at,
        "rank": record.rank,
        "batch_id": record.batch,
        "alone": record.alone,
    }


def moved(record: CommandRecord) -> dict[str, Json]:
    error = record.error
    return {
        "domain": record.command.domain,
        "command_id": record.command.id,
        **{name: getattr(record, name) for name in _MOVING},
        "error": _said(error) if error else None,
        "error_fingerprint": error.fingerprint if error else None,
    }


def text_of(rows: list[dict[str, Json]]) -> str:
    return orjson.dumps(rows, default=_plain).decode()


def record_of(row: Row[Any]) -> CommandRecord:
    asked = Options(
        row.not_before, row.expires_at, row.priority, row.ordering_key, row.max_attempts, row.correlation,
        row.causation, row.change_id, row.entity, row.effective_date,
        ReplyTo.of_json(row.reply_to) if row.reply_to else None,
        row.unique_key, OnUnique(row.on_unique or "reject"), row.alone,
    )  # fmt: skip
    return CommandRecord(
        Command(row.type, row.command_id, row.payload, row.schema_version, asked),
        row.tenant_id,
        row.fingerprint,
        row.sender,
        row.sent_at,
        row.due_at,
        CommandState(row.state),
        ParkedKind(row.parked) if row.parked else None,
        row.epoch,
        row.attempt,
        row.crashes,
        row.lease,
        row.result,
        _error(row.error, row.error_fingerprint) if row.error else None,
        row.ended_at,
        row.version,
        batch=row.batch_id,
        edited=row.edited_payload,
        dependency=row.dependency,
    )


def saved(record: CommandRecord, row: Row[Any]) -> CommandRecord:
    """As it stands now: what is JSON is as the database keeps it, and all else as it was given."""
    error = _error(row.error, row.error_fingerprint) if row.error else None
    return replace(record, version=row.version, result=row.result, error=error)


def _plain(value: object) -> str:
    """The driver has ids of its own kind."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError


def _said(error: CommandError) -> Json:
    return {"kind": error.kind, "code": error.code, "message": error.message, "details": error.details}


def _error(said: Json, fingerprint: str | None) -> CommandError:
    return CommandError(said["kind"], said["code"], said["message"], said["details"], fingerprint)
