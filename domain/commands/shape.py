"""How a command must be written: its names can stand in an address, and it ends after it may begin."""

import re
from datetime import datetime
from typing import Final

from domain.commands.command import FIRST, Command, OnUnique, Options
from domain.commands.replies import PARTS, ReplyTo
from domain.errors import Fault

TYPE: Final = r"[a-z][a-z0-9-]{0,39}\.[a-z][a-z0-9-]{0,79}"
DOMAIN: Final = r"[a-z][a-z0-9-]{0,39}"
ID: Final = r"[A-Za-z0-9][A-Za-z0-9_.:@~+=-]{0,199}"
MOST_ATTEMPTS: Final = 100
LATEST_VERSION: Final = 10_000
PREFIX: Final = r"[A-Za-z0-9][A-Za-z0-9_.:@~+=-]{0,63}"
DESTINATION: Final = r"[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?"
WAITING_WORKFLOW: Final = r"reply/[0-9a-f-]{36}/[A-Za-z0-9][A-Za-z0-9_.:@~+=/-]{0,199}"
SIGNAL: Final = r"[a-z][a-z0-9_]{0,79}"
_CAUSE: Final = re.compile(f"{DOMAIN}/{ID}")
_TEXT: Final = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


def shape_faults(command: Command, path: str = "") -> list[Fault]:
    """Each with a JSON Pointer below `path`; of the payload only whether it is an object."""
    wrong = {
        "type": "" if re.fullmatch(TYPE, command.type) else "a domain and a verb, as ledger.post-journal",
        "id": ""
        if re.fullmatch(ID, command.id)
        else "1 to 200 letters, digits and _.:@~+=-, one of the first two first",
        "schema_version": _within(command.schema_version, 1, LATEST_VERSION),
        "payload": "" if isinstance(command.payload, dict) else "an object",
        **_wrong(command.options),
    }
    return [Fault(f"{path}/{name}", said) for name, said in wrong.items() if said]


def _wrong(given: Options) -> dict[str, str]:
    key, cause, whose, one = given.ordering_key, given.causation, given.entity, given.unique_key
    return {
        "priority": _within(given.priority, 0, FIRST),
        "max_attempts": "" if given.max_attempts is None else _within(given.max_attempts, 1, MOST_ATTEMPTS),
        "ordering_key": "" if key is None or _TEXT.fullmatch(key) else "1 to 200 printable characters",
        "causation": "" if cause is None or _CAUSE.fullmatch(cause) else "a command, as ledger/42",
        "unique_key": "" if one is None or _TEXT.fullmatch(one) else "1 to 200 printable characters",
        "on_unique": "belongs to a unique_key" if one is None and given.on_unique is not OnUnique.REJECT else "",
        "entity": "" if whose is None or _TEXT.fullmatch(whose) else "1 to 200 printable characters",
        "not_before": _offset(given.not_before),
        "expires_at": _offset(given.expires_at) or _later(given),
        **(_wrong_reply(given.reply_to) if given.reply_to else {}),
    }


def _wrong_reply(wanted: ReplyTo) -> dict[str, str]:
    wrong = dict.fromkeys(wanted.strange, "belongs to another kind")
    for name in PARTS[wanted.kind]:
        pattern, expected = _REPLY[name]
        given = getattr(wanted, name)
        if not re.fullmatch(pattern, "" if given is None else str(given)):
            wrong[name] = expected
    if wanted.schema_version is not None and "schema_version" not in wrong:
        wrong["schema_version"] = _within(wanted.schema_version, 1, LATEST_VERSION)
    return {f"reply_to/{name}": said for name, said in wrong.items()}


_REPLY: Final = {
    "type": (TYPE, "a domain and a verb, as sales.note-answer"),
    "schema_version": (r"[0-9]+", f"a number from 1 to {LATEST_VERSION}"),
    "prefix": (PREFIX, "1 to 64 letters, digits and _.:@~+=-, one of the first two first"),
    "destination": (DESTINATION, "the name of a destination"),
    "workflow": (WAITING_WORKFLOW, "an id that begins with reply/<tenant>/"),
    "signal": (SIGNAL, "letters, digits and _, as command_over"),
}


def _within(value: int, least: int, most: int) -> str:
    return "" if least <= value <= most else f"a number from {least} to {most}"


def _offset(at: datetime | None) -> str:
    return "an instant with an offset" if at is not None and at.tzinfo is None else ""


def _later(given: Options) -> str:
    starts, ends = given.not_before, given.expires_at
    if starts is None or ends is None or _offset(starts) or ends > starts:
        return ""
    return "later than not_before"
