"""The tables of messages, destinations, approval systems and their tickets as queries see them."""

from sqlalchemy import BigInteger, Boolean, Integer, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from adapters.postgres.tables import _table as table
from adapters.postgres.tables import moment

notice = table(
    "notice",
    notice_id=Uuid,
    template=Text,
    recipient=Uuid,
    facts=JSONB,
    link=Text,
    destination=Text,
    place=Text,
    state=Text,
    attempts=Integer,
    last_error=Text,
    created_at=moment,
    settled_at=moment,
)
destination = table(
    "destination",
    name=Text,
    version=BigInteger,
    kind=Text,
    sealed=Text,
    shown=Text,
    events=ARRAY(Text),
    environments=ARRAY(Text),
    enabled=Boolean,
    owner=Uuid,
    request=Uuid,
    written_at=moment,
    failing_since=moment,
    last_error=Text,
)
approval_system = table(
    "approval_system",
    name=Text,
    version=BigInteger,
    url=Text,
    mapping=JSONB,
    sealed=Text,
    principal=Uuid,
    owner=Uuid,
    request=Uuid,
    written_at=moment,
)
approval_ticket = table(
    "approval_ticket",
    ticket_id=Uuid,
    approval_id=Uuid,
    level=Integer,
    system=Text,
    digest=Text,
    state=Text,
    external_key=Text,
    answer=Text,
    attempts=Integer,
    not_before=moment,
    claim=Uuid,
    last_error=Text,
    created_at=moment,
    ended_at=moment,
)
ticket_answer = table("ticket_answer", system=Text, message=Text, ticket_id=Uuid, answer=Text)
