"""Rules of calendars and books of entities are targets of changes; books keep what they ever said."""

from migrations.statements import run

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0030_calendar_proposals.sql")
