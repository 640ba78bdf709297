"""Whoever keeps settings in memory hears when they change."""

from migrations.statements import run

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0008_setting_news.sql")
