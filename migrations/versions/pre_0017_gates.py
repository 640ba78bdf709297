"""Gates know how it was before."""

from migrations.statements import run

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0020_gates.sql")
