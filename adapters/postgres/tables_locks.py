"""The tables of locks, freezes and release rules as queries see them."""

from sqlalchemy import BigInteger, Integer, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from adapters.postgres.tables import _table as table
from adapters.postgres.tables import environment, moment

target_lock = table(
    "target_lock",
    rollout_id=Uuid,
    environment=environment,
    kind=Text,
    key=Text,
    scope=Text,
    priority=Integer,
    queued_at=moment,
    token=BigInteger,
    taken_at=moment,
    superseded_by=Uuid,
)
freeze = table(
    "release_freeze",
    freeze_id=Uuid,
    kind=Text,
    environment=environment,
    kinds=ARRAY(Text),
    prefix=Text,
    tag=Text,
    starts=moment,
    ends=moment,
    running=Text,
    owner=Text,
    reason=Text,
    created_by=Uuid,
    created_at=moment,
    lifted_at=moment,
    lifted_by=Uuid,
)
release_rule = table(
    "release_rule",
    kind=Text,
    name=Text,
    version=BigInteger,
    content=JSONB,
    written_by=Uuid,
    written_at=moment,
    reason=Text,
    request=Uuid,
)
