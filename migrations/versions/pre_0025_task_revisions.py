"""A task of a close says at which revision it last changed: who follows the close is told only what is new."""

from migrations.statements import run

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0034_task_revisions.sql")
