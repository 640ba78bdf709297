"""The tables of events and webhooks as queries see them."""

from sqlalchemy import BigInteger, Boolean, Integer, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from adapters.postgres.tables import _table as table
from adapters.postgres.tables import environment, moment

event = table(
    "event",
    event_id=Uuid,
    seq=BigInteger,
    position=BigInteger,
    type=Text,
    environment=environment,
    key=Text,
    scope=Text,
    version=BigInteger,
    at=moment,
    actor=Uuid,
    change=Uuid,
    epoch=BigInteger,
    written_at=moment,
    told_at=moment,
    facts=JSONB(none_as_null=True),
)
event_line = table("event_line", position=BigInteger, forgotten=BigInteger)
webhook = table(
    "webhook",
    webhook_id=Uuid,
    version=BigInteger,
    url=Text,
    types=ARRAY(Text),
    environments=ARRAY(Text),
    prefix=Text,
    enabled=Boolean,
    description=Text,
    sealed=Text,
    owner=Uuid,
    created_at=moment,
    failing_since=moment,
    disabled_because=Text,
)
webhook_delivery = table(
    "webhook_delivery",
    delivery_id=Uuid,
    webhook_id=Uuid,
    event_id=Uuid,
    type=Text,
    body=JSONB,
    state=Text,
    attempts=Integer,
    not_before=moment,
    leased_until=moment,
    last_error=Text,
    created_at=moment,
    settled_at=moment,
    command=Text,
)
