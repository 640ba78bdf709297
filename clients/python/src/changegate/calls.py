"""Every call of the API that this client makes, said once for both kinds of client."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import quote
from uuid import UUID

from changegate.models import (
    Approval,
    Change,
    Effective,
    Entry,
    Explanation,
    Imported,
    Item,
    Json,
    Outcome,
    Stored,
    Submitted,
    instant,
    parsed,
)
from changegate.wire import Call, keyed

PAGE: Final = 100
SILENCE: Final = 40.0
"""Seconds without a word, a heartbeat included, after which a stream is taken for broken."""
NOTHING_SAID: Final[Mapping[str, str]] = {}
_OF_VALUES: Final = {"SettingChanged", "ConfigurationImported"}
_ELSEWHERE: Final = ("FeatureFlag", "WebhookTested", "DeploymentMoved", "FiscalPeriod", "ModuleGate")


def _at(environment: str, scope: str, **more: str | None) -> dict[str, str]:
    given = {name: value for name, value in more.items() if value is not None}
    return {"environment": environment, "scope": scope, **given}


def _setting(key: str, what: str = "") -> str:
    return f"/settings/{quote(key, safe='')}{what}"


def _over(version: int) -> dict[str, str]:
    return {"If-Match": f'"v{version}"'}


# --- settings


def effective(key: str, environment: str, scope: str, as_of: datetime | None) -> Call[Effective]:
    query = _at(environment, scope, as_of=instant(as_of))
    return Call("GET", _setting(key, "/effective"), lambda found: parsed(Effective, found), query)


def effective_page(
    environment: str, scope: str, cursor: str | None, limit: int = PAGE
) -> Call[tuple[tuple[Effective, ...], str | None]]:
    query = _at(environment, scope, cursor=cursor, limit=str(limit))

    def read(found: Json) -> tuple[tuple[Effective, ...], str | None]:
        return parsed(tuple[Effective, ...], found["items"]), found["next_cursor"]

    return Call("GET", "/settings/effective", read, query)


def explain(key: str, environment: str, scope: str, as_of: datetime | None) -> Call[Explanation]:
    query = _at(environment, scope, as_of=instant(as_of))
    return Call("GET", _setting(key, "/explain"), lambda found: parsed(Explanation, found), query)


def stored(key: str, environment: str, scope: str) -> Call[Stored]:
    return Call("GET", _setting(key), lambda found: parsed(Stored, found), _at(environment, scope))


def put(
    item: Item, environment: str, *, over: int, reason: str, idempotency_key: str | None
) -> Call[Outcome]:  # fmt: skip
    left_out = {"key", "scope", "expected_version"}
    body = {name: value for name, value in item.to_json().items() if name not in left_out}
    headers = keyed(_over(over), idempotency_key)
    return Call("PUT", _setting(item.key), _outcome, _at(environment, item.scope), {**body, "reason": reason}, headers)


def unset(
    key: str, environment: str, scope: str, *, over: int, reason: str, idempotency_key: str | None
) -> Call[Outcome]:  # fmt: skip
    query = _at(environment, scope, reason=reason)
    return Call("DELETE", _setting(key), _outcome, query, headers=keyed(_over(over), idempotency_key))


def bulk(
    items: Sequence[Item], environment: str, *, reason: str, dry_run: bool, idempotency_key: str | None
) -> Call[Outcome]:
    body = {
        "environment": environment,
        "items": [item.to_json() for item in items],
        "reason": reason,
        "dry_run": dry_run,
    }
    return Call("POST", "/settings/bulk", _outcome, {}, body, keyed(key=idempotency_key))


def versions(key: str, environment: str, scope: str, cursor: str | None) -> Call[tuple[tuple[Entry, ...], str | None]]:
    query = _at(environment, scope, cursor=cursor, limit=str(PAGE))

    def read(found: Json) -> tuple[tuple[Entry, ...], str | None]:
        return parsed(tuple[Entry, ...], found["items"]), found["next_cursor"]

    return Call("GET", _setting(key, "/versions"), read, query)


def diff(key: str, environment: str, scope: str, *, before: int, after: int) -> Call[list[dict[str, Json]]]:
    query = {**_at(environment, scope), "from": str(before), "to": str(after)}
    return Call("GET", _setting(key, "/diff"), lambda found: list(found["changes"]), query)


def rollback(
    item: Item, environment: str, *, to: int, over: int, reason: str, idempotency_key: str | None
) -> Call[Outcome]:
    body = {"to_version": to, "reason": reason}
    headers = keyed(_over(over), idempotency_key)
    return Call("POST", _setting(item.key, "/rollback"), _outcome, _at(environment, item.scope), body, headers)


def reveal(key: str, environment: str, scope: str) -> Call[str]:
    """Not repeated: each reading is written down."""
    path = _setting(key, "/reveal")
    return Call("POST", path, lambda found: str(found["value"]), _at(environment, scope), repeatable=False)


# --- changes


def change(id: UUID | str) -> Call[Change]:  # noqa: A002 -- the wire's name
    return Call("GET", f"/changes/{quote(str(id), safe='')}", lambda found: parsed(Change, found))


def change_diff(id: UUID | str) -> Call[dict[str, Json]]:  # noqa: A002 -- the wire's name
    return Call("GET", f"/changes/{quote(str(id), safe='')}/diff", dict)


def approval(id: UUID | str) -> Call[Approval]:  # noqa: A002 -- the wire's name
    return Call("GET", f"/approvals/{quote(str(id), safe='')}", lambda found: parsed(Approval, found))


def pending() -> Call[tuple[Approval, ...]]:
    return Call("GET", "/approvals/pending", lambda found: parsed(tuple[Approval, ...], found["items"]))


def submit(id: UUID | str, idempotency_key: str | None) -> Call[Submitted]:  # noqa: A002 -- the wire's name
    path = f"/changes/{quote(str(id), safe='')}/submit"
    return Call("POST", path, lambda found: parsed(Submitted, found), {}, {}, keyed(key=idempotency_key))


def vote(
    id: UUID | str, answer: str, *, reason: str, digest: str | None, idempotency_key: str | None  # noqa: A002 -- as above
) -> Call[Approval]:  # fmt: skip
    if answer not in {"approve", "reject"}:
        raise ValueError("a vote is approve or reject")
    body = {"reason": reason, **({"digest": digest} if digest else {})}
    path = f"/approvals/{quote(str(id), safe='')}/{answer}"
    return Call("POST", path, lambda found: parsed(Approval, found), {}, body, keyed(key=idempotency_key))


# --- bundles


def export(environment: str) -> Call[dict[str, Json]]:
    return Call("GET", "/settings-bundles", dict, {"environment": environment})


def import_(
    bundle: Mapping[str, Json],
    environment: str,
    *,
    reason: str,
    options: Mapping[str, Json],
    idempotency_key: str | None,
) -> Call[Imported]:
    body = {"environment": environment, "bundle": dict(bundle), "reason": reason, **options}
    read = lambda found: parsed(Imported, found)  # noqa: E731 -- one expression, used once
    return Call("POST", "/settings-bundles", read, {}, body, keyed(key=idempotency_key))


def _outcome(found: Json) -> Outcome:
    return parsed(Outcome, found)


# --- the stream of changes


@dataclass(frozen=True)
class News:
    """What was told since the cursor before; `keys` None: everything has to be read again.

    What is read has to be of `epoch` or later to be newer than this.
    """

    cursor: str
    keys: frozenset[str] | None = frozenset()
    epoch: int = 0


def watch(
    environment: str, prefix: str, cursor: str | None, wait: int, said: Mapping[str, str] = NOTHING_SAID
) -> Call[News]:
    """Without a cursor the answer is the present one, at once; `said` is what this instance says of itself."""
    given = {"prefix": prefix or None, "cursor": cursor, "wait": None if cursor is None else str(wait)}
    query = {"environment": environment, **{name: value for name, value in given.items() if value is not None}}

    def read(found: Json) -> News:
        news = News(str(found["cursor"]), None if found["resync"] else frozenset())
        for event in found["events"]:
            news = heard(news, news.cursor, event)
        return news

    return Call("GET", "/watch", read, query, headers=said, patience=wait)


def stream(environment: str, prefix: str, cursor: str, said: Mapping[str, str] = NOTHING_SAID) -> Call[None]:
    query = {"environment": environment, **({"prefix": prefix} if prefix else {})}
    headers = {"Accept": "text/event-stream", "Last-Event-ID": cursor, **said}
    return Call("GET", "/watch", lambda _: None, query, headers=headers, patience=SILENCE)


def said_by(instance: str | None, epoch: int) -> dict[str, str]:
    """What an instance says of itself with what it asks."""
    if instance is None:
        return {}
    return {"Changegate-Instance": instance, "Changegate-Holds": f"settings={epoch}"}


def acknowledge(environment: str, instance: str, epoch: int) -> Call[None]:
    body = {"environment": environment, "instances": [{"name": instance, "settings": epoch}]}
    return Call("POST", "/instances/acknowledgements", lambda _: None, {}, body)


def heard(news: News, cursor: str, event: Json) -> News:
    """With one event more; what is not about settings changes the cursor only."""
    kind = str(event.get("type"))
    if kind.startswith(_ELSEWHERE):
        return replace(news, cursor=cursor)
    key, epoch = (event.get("subject") or {}).get("key"), event.get("epoch")
    known = news.keys is not None and kind == "SettingChanged" and isinstance(key, str)
    return News(
        cursor,
        (news.keys or frozenset()) | {str(key)} if known else None,
        max(news.epoch, epoch) if kind in _OF_VALUES and isinstance(epoch, int) else news.epoch,
    )
