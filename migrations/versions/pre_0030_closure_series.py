"""A series closes many: several entities side by side, or the periods of one in their order."""

from migrations.statements import run

revision = "0030"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0032_closure_series.sql")
