"""Large bundles come in step by step, and what was synced is remembered."""

from migrations.statements import run

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0012_imports.sql")
