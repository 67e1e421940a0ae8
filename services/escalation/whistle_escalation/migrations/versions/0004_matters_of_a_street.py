"""An index for a street's dashboard: its whistles without a look at anybody else's."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("CREATE INDEX matter_of_street ON matter (street, grid, whistle_id)")
