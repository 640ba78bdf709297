"""Settings: definitions, rules, and values that hold at a scope of an environment for a time."""

from migrations.statements import run

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0006_settings.sql")
