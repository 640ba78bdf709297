"""What was terminated is found, and taken back."""

from migrations.statements import run

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0021_recovery.sql")
