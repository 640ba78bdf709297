"""What a request wrote is found again by its id, and shared rules are a versioned document of their own."""

from migrations.statements import run

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0005_requests.sql")
