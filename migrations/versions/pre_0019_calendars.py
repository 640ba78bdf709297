"""Legal entities have fiscal calendars, whose years and periods neither overlap nor leave a day out."""

from migrations.statements import run

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0022_calendars.sql")
