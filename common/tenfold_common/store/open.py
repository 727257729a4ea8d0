"""Opening the store by its URL, and bringing its schema up to date. For composition roots.

Importing this module imports SQLAlchemy, so a command imports it where it opens the store.
"""

from tenfold_common.ports import Clock
from tenfold_common.store.database import Database
from tenfold_common.store.schema import REVISIONS, prepare, queue_up, refuse_foreign, refuse_newer, revision
from tenfold_common.store.sql import SqlStore


def open_store(url: str, *, clock: Clock) -> SqlStore:
    """Open the store; an empty database gets its tables, a missing SQLite file its folder.

    Args:
        url: ``sqlite:///path`` or ``postgresql://user:password@host/database``.
        clock: Where the moments in the records come from.

    Returns:
        The store; the caller closes it.

    Raises:
        MisuseError: If the URL is wrong, the driver is missing, the database refuses us, or its schema is another.
        TransientError: If the database is away or locked.
    """
    database = Database(url)
    try:
        prepare(database)
    except BaseException:
        database.close()
        raise
    return SqlStore(database, clock=clock)


def upgrade_database(url: str) -> tuple[str, str]:
    """Bring a database to the newest schema, in one transaction: a failure leaves it as it was.

    Returns:
        The revisions before and after; ``empty`` for a database without tables.

    Raises:
        MisuseError: If a newer version of Tenfold has been here, or as for :func:`open_store`.
        TransientError: If the database is away or locked.
    """
    from tenfold_common.store.migrations import upgrade

    database = Database(url, foreign_keys=False)
    try:
        database.create_folder()
        with database.writing() as connection:
            queue_up(connection)
            before = revision(connection)
            if before is None:
                refuse_foreign(connection, database.place)
            else:
                refuse_newer(before, database.place)
            upgrade(connection)
            return before or "empty", REVISIONS[-1]
    finally:
        database.close()
