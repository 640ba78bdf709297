"""People vote from links, and other systems vote through webhooks."""

from migrations.statements import run

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0018_external.sql")
