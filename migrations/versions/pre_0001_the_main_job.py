"""Roles, tables, guards and relay functions of the main job."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SQL = Path(__file__).parent.parent / "sql"
FILES = ("0001_roles.sql", "0002_tables.sql", "0003_guards.sql", "0004_relay.sql")


def upgrade() -> None:
    bind = op.get_bind()
    bind.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
    for name in FILES:
        script = (SQL / name).read_text()
        # A file holds many statements: only the driver's simple protocol takes them at once.
        driver: Any = bind.connection.dbapi_connection
        driver.run_async(lambda line, script=script: line.execute(script))
        bind.exec_driver_sql("RESET ROLE")
