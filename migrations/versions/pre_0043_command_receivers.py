"""A command may depend on a receiver of its own, and each receiver has a breaker."""

from migrations.statements import run

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0046_command_receivers.sql")
