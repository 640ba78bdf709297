"""What is sealed can be sealed anew."""

from migrations.statements import run

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0013_rings.sql")
