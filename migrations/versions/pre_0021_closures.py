"""A period is closed by a run of its own, whose tasks, signatures, evidence and certificates are kept."""

from migrations.statements import run

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0024_closures.sql")
