"""The tables of sampled contexts, as queries see them."""

from sqlalchemy import BigInteger, Integer, LargeBinary, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from adapters.postgres.tables import _table as table
from adapters.postgres.tables import environment, moment

flag_sampling = table(
    "flag_sampling", environment=environment, version=BigInteger, plain=ARRAY(Text), hashed=ARRAY(Text),
    capacity=Integer, secret=LargeBinary, written_by=Uuid, written_at=moment, request=Uuid,
)  # fmt: skip
flag_sample = table("flag_sample", environment=environment, mark=LargeBinary, context=JSONB, seen_at=moment)
