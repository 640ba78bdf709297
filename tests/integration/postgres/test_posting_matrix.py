"""Every stand, operation, person, exception and token: the database says what the domain says."""

from itertools import product
from uuid import UUID, uuid4

import orjson
import pytest

from adapters.postgres.posting_refusals import posting_refusal
from adapters.postgres.store import PostgresStore
from application.ports.periods import Postable
from domain.errors import Refusal
from domain.periods import GateKey, Operation
from tests.contract.books import PEOPLE
from tests.contract.homes import moved_in
from tests.contract.stands import places_in
from tests.integration.postgres.posting import Line, bind, hold

SAID = """
CREATE FUNCTION pg_temp.said(tenant uuid, scope text, operation text, day date, actor uuid, token uuid) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
  RETURN (SELECT to_jsonb(a) FROM fiscal.assert_postable_v1(tenant, 'de', scope, operation, day, actor, token) AS a);
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  RETURN jsonb_build_object('state', SQLSTATE, 'detail', detail, 'sentence', SQLERRM);
END $$
"""
ASK = "SELECT pg_temp.said($1, $2, $3, make_date(2024, $4, 15), $5, $6)"


@pytest.mark.req("FP31", "FP32", "FP33", "FP34", "FP36")
async def test_the_database_says_what_the_domain_says(line: Line, store: PostgresStore) -> None:
    places = await places_in(await moved_in(store))
    tenant, token = places.books.home.tenant.id, uuid4()
    wrong, asked = [], 0
    async with line.transaction():
        await bind(line, tenant)
        await line.execute(SAID)
        await hold(line, tenant, *sorted(places.gates))
        for key in places.gates:
            await put_token(line, tenant, token, key)
        for gate, operation, by, given in product(places.gates.values(), Operation, PEOPLE, (None, token, uuid4())):
            number = places.books.year.periods.index(gate.key.period) + 1
            actor = places.books.people[by].id
            answer = await line.fetchval(ASK, tenant, gate.key.scope, operation.value, number, actor, given)
            expected = places.expected(gate, operation, by, run_token=given == token)
            asked += 1
            if heard(answer) != told(expected):
                wrong.append((gate.status, gate.posting, operation, by, gate.key.scope, heard(answer), told(expected)))
        await line.execute("DELETE FROM run_token")
    assert wrong == []
    assert asked == len(places.gates) * len(Operation) * len(PEOPLE) * 3 > 2000


async def put_token(line: Line, tenant: UUID, token: UUID, key: GateKey) -> None:
    row = (tenant, token, uuid4(), key.entity, key.period, key.scope)
    await line.execute("INSERT INTO run_token VALUES ($1, $2, $3, $4, $5, $6)", *row)


def heard(answer: str) -> object:
    """The SQLSTATE as the refusal that it becomes, whose sentence is also the message in SQL."""
    found = orjson.loads(answer)
    if "state" not in found:
        return Postable(UUID(found["period_id"]), found["epoch"])
    refusal = posting_refusal(found["state"], found["detail"])
    return (type(refusal), found["sentence"], refusal.facts) if refusal else found


def told(expected: Refusal | Postable) -> object:
    return expected if isinstance(expected, Postable) else (type(expected), str(expected), expected.facts)
