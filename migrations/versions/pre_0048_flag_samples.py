"""Contexts of evaluations are sampled where a tenant wants it, and forgotten again."""

from migrations.statements import run

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0051_flag_samples.sql")
