"""confinement: nothing lost, nothing doubled"""

from jinsu.errors import PermanentError

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _fence()
    _queue()
    _retention()


def _fence() -> None:
    """One controller at a time."""


def _queue() -> None:
    """Places of open runs and trainings, in the order in which they were asked for."""


def _retention() -> None:
    """What was deleted, and what is kept."""


def downgrade() -> None:
    raise PermanentError("the database cannot go back; restore the copy that was made before the upgrade.")
