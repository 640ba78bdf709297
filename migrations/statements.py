"""A migration runs files of SQL, each as the role that it sets, under a lock timeout that lets traffic go first."""

from pathlib import Path
from typing import Any

from alembic import op

SQL = Path(__file__).parent / "sql"


def run(*names: str) -> None:
    bind = op.get_bind()
    bind.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
    for name in names:
        script = (SQL / name).read_text()
        # A file holds many statements: only the driver's simple protocol takes them at once.
        driver: Any = bind.connection.dbapi_connection
        driver.run_async(lambda line, script=script: line.execute(script))
        bind.exec_driver_sql("RESET ROLE")
