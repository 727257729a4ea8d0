"""The schema of a database: which one it has, making it anew, and refusing one that this version cannot use.

A new database is made from ``tables`` at once, without Alembic, whose import would cost every first command half a
second; a test holds the two to the same result. Each new revision is added to ``REVISIONS`` here.
"""

from typing import Final

from sqlalchemy import Connection, inspect, text

from tenfold_common.errors import MisuseError
from tenfold_common.store.database import Database
from tenfold_common.store.tables import metadata, version

REVISIONS: Final = ("0001",)
"""All revisions, oldest first; the last is what this version of Tenfold works with."""

_ADVISORY_KEY: Final = 0x7E4F01D  # any number that nobody else uses


def prepare(database: Database) -> None:
    """Make sure that the database has the schema this version needs; make it where there is none.

    Raises:
        MisuseError: If it has an older, a newer or somebody else's schema; the message says what to do.
    """
    database.create_folder()
    with database.reading() as connection:
        found = revision(connection)
    if found is None:
        with database.writing() as connection:
            queue_up(connection)
            found = revision(connection) or _create(connection, database.place)
    refuse_newer(found, database.place)
    if found != REVISIONS[-1]:
        raise MisuseError(
            f"the database {database.place} has schema {found} and this version of Tenfold needs {REVISIONS[-1]}; "
            "stop the scheduler, then run `tenfold db upgrade`"
        )


def revision(connection: Connection) -> str | None:
    """The schema the database has; None where Tenfold has not been yet."""
    if not inspect(connection).has_table(version.name):
        return None
    found: str | None = connection.execute(version.select()).scalar()
    return found


def refuse_newer(found: str, place: str) -> None:
    """Refuse a schema that this version has never heard of.

    Raises:
        MisuseError: Saying that Tenfold itself must be upgraded.
    """
    if found not in REVISIONS:
        raise MisuseError(
            f"the database {place} has schema {found}, which a newer version of Tenfold wrote (this one knows up to "
            f"{REVISIONS[-1]}): pip install --upgrade tenfold"
        )


def queue_up(connection: Connection) -> None:
    """Let only one process at a time make or change the schema. SQLite's writers queue anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_KEY})


def refuse_foreign(connection: Connection, place: str) -> None:
    """Refuse tables that have our names and were not made by us.

    Raises:
        MisuseError: Naming one of them.
    """
    there = set(inspect(connection).get_table_names()) & set(metadata.tables)
    if there:
        raise MisuseError(
            f"the database {place} has a table {min(there)} and no table {version.name}, so it was not made by this "
            "program, or half of it is gone; name another database or restore it"
        )


def _create(connection: Connection, place: str) -> str:
    refuse_foreign(connection, place)
    metadata.create_all(connection, checkfirst=False)
    version.create(connection)
    connection.execute(version.insert().values(version_num=REVISIONS[-1]))
    return REVISIONS[-1]
