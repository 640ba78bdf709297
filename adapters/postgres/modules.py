"""A module's books are read through its own SQL functions, by the names that the registry of journals has."""

import json
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Numeric, Text, Uuid, bindparam, cast, column, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.elements import BindParameter, quoted_name
from sqlalchemy.sql.functions import Function

from application.ports.modules import Journal, ModuleAnswer, ModuleMissing, YearClosed
from domain.canonical import Json
from domain.closures import AccountKind, Balance, Control, Entry, Item, PostedSince, amount

T = TypeVar("T")
_OF_PERIOD = "(uuid,text,uuid)"
_OF_CLOSING = "(uuid,text,uuid,uuid,uuid)"
_SINCE = "(uuid,text,uuid,text)"
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
_JOURNALS = text("SELECT module, scope FROM fiscal.journal ORDER BY module")
_NAMED = text(
    """
    SELECT j.scope, j.functions ->> CAST(:what AS text) AS registered, n.nspname, p.proname
      FROM fiscal.journal j
      LEFT JOIN pg_catalog.pg_proc p
        ON p.oid = to_regprocedure((j.functions ->> CAST(:what AS text)) || CAST(:arguments AS text))
      LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
     WHERE j.module = :module
    """
)
_BALANCE = (column("account", Text), column("kind", Text), column("currency", Text), column("balance", Numeric))


class PostgresModules:
    def __init__(self, session: AsyncSession, tenant: UUID) -> None:
        self._session = session
        self._tenant = tenant

    async def journals(self) -> list[Journal]:
        return [Journal(row.module, row.scope) for row in await self._session.execute(_JOURNALS)]

    async def control(self, module: str, entity: str, period: UUID) -> Control:
        scope, function = await self._required(module, "control", entity, period)
        told = await self._told(function)
        return _read(module, "control", lambda: _control(module, scope, told))

    async def unposted(self, module: str, entity: str, period: UUID) -> list[Item]:
        _, function = await self._required(module, "unposted", entity, period)
        return await self._items(module, "unposted", function)

    async def untransferred(self, module: str, entity: str, period: UUID) -> list[Item]:
        _, function = await self._registered(module, "untransferred", entity, period)
        return [] if function is None else await self._items(module, "untransferred", function)

    async def balances(self, module: str, entity: str, period: UUID) -> list[Balance]:
        _, function = await self._required(module, "balances", entity, period)
        rows = (await self._session.execute(select(function.table_valued(*_BALANCE)))).all()
        return _read(module, "balances", lambda: [_balance(*row) for row in rows])

    async def posted_since(self, module: str, entity: str, period: UUID, high_water: str | None) -> PostedSince | None:
        mark = bindparam(None, high_water, Text)
        _, function = await self._registered(module, "posted_since", entity, period, takes=_SINCE, more=(mark,))
        if function is None:
            return None
        told = await self._told(function)
        return _read(module, "posted_since", lambda: _since(told))

    async def close_year(self, module: str, entity: str, period: UUID, token: UUID, actor: UUID) -> YearClosed:
        more = tuple(bindparam(None, each, Uuid) for each in (token, actor))
        _, function = await self._registered(module, "close_year", entity, period, takes=_OF_CLOSING, more=more)
        if function is None:
            return YearClosed()
        told = await self._told(function)
        return _read(module, "close_year", lambda: _closed(told))

    async def _required(self, module: str, what: str, entity: str, period: UUID) -> tuple[str, Function[Any]]:
        scope, function = await self._registered(module, what, entity, period)
        if function is None:
            raise ModuleAnswer(module=module, function=what)
        return scope, function

    async def _registered(
        self, module: str, what: str, entity: str, period: UUID, *, takes: str = _OF_PERIOD,
        more: tuple[BindParameter[Any], ...] = (),
    ) -> tuple[str, Function[Any] | None]:  # fmt: skip
        """The scope of the module's journal, and its function with its arguments; None where it registered none."""
        named = {"module": module, "what": what, "arguments": takes}
        row = (await self._session.execute(_NAMED, named)).one_or_none()
        if row is None:
            raise ModuleMissing(module=module)
        if row.registered is None:
            return row.scope, None
        if row.proname is None:
            raise ModuleAnswer(module=module, function=what)
        given = ((self._tenant, Uuid), (entity, Text), (period, Uuid))
        arguments: list[BindParameter[Any]] = [*(bindparam(None, value, kind) for value, kind in given), *more]
        return row.scope, Function(quoted_name(row.proname, quote=True), *arguments, packagenames=(row.nspname,))

    async def _items(self, module: str, what: str, function: Function[Any]) -> list[Item]:
        told = await self._told(function)
        return _read(module, what, lambda: [_item(each) for each in told])

    async def _told(self, function: Function[Any]) -> Json:
        """A fraction in it is kept as the text that it is written with."""
        answer = await self._session.scalar(select(cast(function, Text)))
        return json.loads(answer or "null", parse_float=str)


def _read(module: str, what: str, reading: Callable[[], T]) -> T:
    try:
        return reading()
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise ModuleAnswer(module=module, function=what) from error


def _control(module: str, scope: str, told: Json) -> Control:
    """Its digest always says of which kind it is, as every digest does; a module may leave that out."""
    said = {**told, "module": module, "scope": scope}
    if said.get("digest") is not None:
        found = _DIGEST.fullmatch(said["digest"])
        if found is None:
            raise ValueError(said["digest"])
        said["digest"] = f"sha256:{found[1]}"
    return Control.of_json(said)


def _item(told: Json) -> Item:
    return Item(str(told["id"]), date.fromisoformat(told["date"]), str(told.get("description") or ""))


def _since(told: Json) -> PostedSince:
    return PostedSince(int(told["count"]), tuple(_entry(each) for each in told["entries"]))


def _entry(told: Json) -> Entry:
    amounts = {str(each["currency"]): amount(each["amount"]) for each in told["amounts"]}
    return Entry(str(told["id"]), date.fromisoformat(told["date"]), amounts)


def _balance(account: str, kind: str, currency: str, balance: Decimal) -> Balance:
    return Balance(account, AccountKind(kind), currency, amount(format(balance, "f")))


def _closed(told: Json) -> YearClosed:
    earned = {str(each["currency"]): amount(each["amount"]) for each in told["retained_earnings"]}
    return YearClosed(tuple(str(each) for each in told["entries"]), earned)
