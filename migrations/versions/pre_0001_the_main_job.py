"""Roles, tables, guards and relay functions of the main job."""

from migrations.statements import run

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0001_roles.sql", "0002_tables.sql", "0003_guards.sql", "0004_relay.sql")
