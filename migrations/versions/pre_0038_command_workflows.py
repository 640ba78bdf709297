"""Long commands are executed by a workflow of their own."""

from migrations.statements import run

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0041_command_workflows.sql")
