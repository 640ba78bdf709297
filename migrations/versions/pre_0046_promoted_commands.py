"""A command may be executed by a workflow of its own though its type is not."""

from migrations.statements import run

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0049_promoted_commands.sql")
