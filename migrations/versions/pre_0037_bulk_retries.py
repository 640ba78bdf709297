"""Many parked commands are decided about at once, in stages."""

from migrations.statements import run

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0040_bulk_retries.sql")
