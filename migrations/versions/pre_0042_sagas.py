"""Process managers send commands and undo them in reverse."""

from migrations.statements import run

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0045_sagas.sql")
