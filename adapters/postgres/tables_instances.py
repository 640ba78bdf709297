"""The table of instances as queries see it."""

from sqlalchemy import BigInteger, Text

from adapters.postgres.tables import _table as table
from adapters.postgres.tables import environment, moment

instance = table(
    "instance",
    environment=environment,
    name=Text,
    flags=BigInteger,
    settings=BigInteger,
    seen_at=moment,
)
