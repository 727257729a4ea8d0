"""Schema migrations: an Alembic environment that ships inside the package, so that no ``alembic.ini`` is needed.

A migration, once released, is never edited. It describes its tables itself and imports nothing of ours, which will
have moved on when it runs. A new one is ``versions/v<revision>_<what>.py``, and its revision goes into
``store.schema.REVISIONS``.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def config() -> Config:
    """Alembic's configuration, as its own commands would read it from a file."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    return made


def upgrade(connection: Connection, to: str = "head") -> None:
    """Run the missing migrations within the caller's transaction."""
    made = config()
    made.attributes["connection"] = connection
    command.upgrade(made, to)
