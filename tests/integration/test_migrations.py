"""The migrations make the same database as the tables in the code, on both kinds of database."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from tenfold_common.clock import SystemClock
from tenfold_common.errors import MisuseError
from tenfold_common.store import migrations, schema
from tenfold_common.store.database import Database
from tenfold_common.store.open import open_store, upgrade_database
from tenfold_common.store.tables import metadata, version
from tests.contract.postgres import PostgresServer, postgres_or_skip, running_server
from tests.contract.store_facts import a_study


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A private PostgreSQL server."""
    with running_server(postgres_or_skip()) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'home' / 'tenfold.db'}"
    running: PostgresServer = request.getfixturevalue("server")
    return running.empty_database()


def differences(url: str) -> list[object]:
    """How a database differs from the tables in the code, by Alembic's own comparison."""
    with closing(Database(url)) as database, database.reading() as connection:
        options = {"compare_type": True, "compare_server_default": True, "version_table": version.name}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, metadata))


def tables(url: str) -> set[str]:
    """The names of a database's tables."""
    with closing(Database(url)) as database, database.reading() as connection:
        return set(inspect(connection).get_table_names())


def test_migrating_an_empty_database_gives_the_tables_of_the_code(url: str) -> None:
    """Nothing is left for a further migration."""
    assert upgrade_database(url) == ("empty", schema.REVISIONS[-1])
    assert differences(url) == []


def test_a_new_database_is_the_same_as_a_migrated_one(url: str) -> None:
    """Alembic finds it up to date, without having made it."""
    open_store(url, clock=SystemClock()).close()
    assert differences(url) == []
    assert upgrade_database(url) == (schema.REVISIONS[-1], schema.REVISIONS[-1])


def test_a_migrated_database_works(url: str) -> None:
    """And upgrading it again keeps what is in it."""
    upgrade_database(url)
    study = a_study()
    with closing(open_store(url, clock=SystemClock())) as store:
        store.add_study(study)
    upgrade_database(url)
    with closing(open_store(url, clock=SystemClock())) as store:
        assert store.study("digits") == study


def test_the_comparison_sees_a_difference(url: str) -> None:
    """So that the tests above mean something."""
    upgrade_database(url)
    with closing(Database(url)) as database, database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE tenfold_trials ADD COLUMN extra INTEGER")
        connection.exec_driver_sql("DROP INDEX tenfold_studies_by_document")
    assert len(differences(url)) == 2


def test_the_code_knows_every_revision_in_order() -> None:
    """A migration that is missing from ``REVISIONS`` would be taken for a newer version's."""
    walked = [script.revision for script in ScriptDirectory.from_config(migrations.config()).walk_revisions()]
    assert tuple(reversed(walked)) == schema.REVISIONS


def test_a_failed_migration_leaves_the_database_as_it_was(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both databases undo changes of tables with everything else."""
    upgrade = migrations.upgrade

    def fails(*arguments: object) -> None:
        upgrade(*arguments)  # type: ignore[arg-type]  # handed on as it came
        raise RuntimeError("half way")

    monkeypatch.setattr(migrations, "upgrade", fails)
    with pytest.raises(RuntimeError, match="half way"):
        upgrade_database(url)
    assert tables(url) == set()


def test_a_newer_database_is_not_touched(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a newer version of Tenfold may work on it."""
    upgrade_database(url)
    monkeypatch.setattr(schema, "REVISIONS", ("0000",))
    with pytest.raises(MisuseError, match="pip install --upgrade tenfold"):
        upgrade_database(url)


def test_somebody_elses_tables_are_not_touched(url: str) -> None:
    """A table of our name that we did not make is refused before anything is changed."""
    with closing(Database(url)) as database:
        database.create_folder()
        with database.writing() as connection:
            connection.exec_driver_sql("CREATE TABLE tenfold_trials (x INTEGER)")
    with pytest.raises(MisuseError, match="table tenfold_trials"):
        upgrade_database(url)
    assert tables(url) == {"tenfold_trials"}
