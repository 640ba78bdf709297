"""Commands of one type are executed so many at once and so many a second."""

from migrations.statements import run

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0044_command_limits.sql")
