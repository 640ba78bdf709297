"""The tables of how flags are used, as queries see them."""

from sqlalchemy import BigInteger, Integer, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.postgres.tables import _table as table
from adapters.postgres.tables import environment, moment

flag_usage = table(
    "flag_usage", environment=environment, key=Text, hour=moment, variant=Text, reason=Text, times=BigInteger
)
flag_given = table("flag_given", environment=environment, key=Text, variant=Text, first_at=moment, last_at=moment)
flag_scan = table(
    "flag_scan", environment=environment, repository=Text, revision=Text, scanned_at=moment, scanned_by=Uuid
)
flag_reference = table(
    "flag_reference", environment=environment, repository=Text, key=Text, path=Text, lines=ARRAY(Integer)
)
