"""Settings: definitions, rules, and values that hold at a scope of an environment for a time."""

from migrations.statements import run

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0007_settings.sql")
