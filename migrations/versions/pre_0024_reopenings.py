"""A closed period is opened again for a while; the guard lets nothing in after that, whoever has shut it or not."""

from migrations.statements import run

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0027_reopenings.sql")
