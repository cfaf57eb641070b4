"""confinement: nothing lost, nothing doubled"""

import sqlalchemy as sa
from alembic import op

from jinsu.errors import PermanentError

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _splits()
    _fence()
    _queue()
    _retention()
    _packages()
    _scorers()


def _splits() -> None:
    """Which steps divided which dataset versions."""
    with op.batch_alter_table("problem_splits", schema=None) as batch_op:
        batch_op.add_column(sa.Column("made", sa.JSON(), server_default="{}", nullable=False))
    with op.batch_alter_table("problem_splits", schema=None) as batch_op:
        batch_op.alter_column("made", existing_type=sa.JSON(), server_default=None)


def _fence() -> None:
    """One controller at a time, and no write of a rollout over another one."""
    epoch = op.create_table(
        "controller_epoch",
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("renewed", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("epoch"),
    )
    op.bulk_insert(epoch, [{"epoch": 0, "holder": "", "renewed": 0.0}])
    op.add_column("rollouts", sa.Column("row_version", sa.Integer(), server_default="1", nullable=False))


def _queue() -> None:
    """Places of the runs that work, and the seconds that each stage has spent."""
    op.add_column("submissions", sa.Column("placed", sa.Float(), nullable=True))
    op.execute("UPDATE submissions SET placed = created WHERE dag_run IS NOT NULL")
    op.add_column("tasks", sa.Column("spent", sa.Float(), nullable=False, server_default="0"))


def _retention() -> None:
    """What was deleted, and what is kept."""
    op.create_table(
        "removals",
        sa.Column("name", sa.String(length=160), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _packages() -> None:
    """What a package contains, and what its servers need."""
    with op.batch_alter_table("candidates", schema=None) as table:
        table.add_column(sa.Column("contents", sa.String(length=64), nullable=True))
        table.add_column(sa.Column("memory", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("image", sa.Text(), nullable=True))
        table.add_column(sa.Column("gpu", sa.Integer(), nullable=True))


def _scorers() -> None:
    """The scoring function of a problem's owner."""
    op.add_column("problem_versions", sa.Column("scorer", sa.Text(), nullable=True))


def downgrade() -> None:
    raise PermanentError("the database cannot go back; restore the copy that was made before the upgrade.")
