"""Opening a store: what is made, what is refused, and that each refusal says what to do and shows no password."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tenfold_common.errors import MisuseError, TransientError
from tenfold_common.store import schema
from tenfold_common.store.applying import apply_change
from tenfold_common.store.open import open_store
from tenfold_common.store.sql import SqlStore
from tests.contract.postgres import PASSWORD, PostgresServer, postgres_or_skip, running_server
from tests.contract.store_facts import NOON, TurnedClock, a_study, suggested


@contextmanager
def opened(url: str) -> Iterator[SqlStore]:
    """A store, closed afterwards."""
    with closing(open_store(url, clock=TurnedClock())) as store:
        yield store


def refusal(url: str) -> str:
    """The text with which a database is refused."""
    with pytest.raises(MisuseError) as refused:
        open_store(url, clock=TurnedClock())
    text = str(refused.value)
    assert "\n" not in text
    assert PASSWORD not in text
    return text


def test_what_was_written_is_there_when_the_store_is_opened_again(store_url: str) -> None:
    """Also for a second process while the first is still there."""
    study = a_study()
    with opened(store_url) as first:
        first.add_study(study)
        with opened(store_url) as second:
            assert second.study("digits") == study
    with opened(store_url) as again:
        assert again.studies() == [study]


def test_the_folder_of_a_new_file_is_for_its_owner_only(tmp_path: Path) -> None:
    """Studies name data and code; others on the machine need not read them."""
    with opened(f"sqlite:///{tmp_path / 'home' / 'tenfold.db'}"):
        assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


def test_an_existing_folder_keeps_its_mode(tmp_path: Path) -> None:
    """It is not ours to change."""
    tmp_path.chmod(0o755)
    with opened(f"sqlite:///{tmp_path / 'tenfold.db'}"):
        assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_sqlite_is_opened_for_several_processes(tmp_path: Path) -> None:
    """Write-ahead log, foreign keys and patience, on every connection."""
    asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    with opened(f"sqlite:///{tmp_path / 'tenfold.db'}") as store, store._database.reading() as connection:
        answers = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked]
    assert answers == ["wal", 1, 1, 10_000]


def test_a_new_database_is_made_without_alembic(tmp_path: Path) -> None:
    """Its import would cost every first command half a second."""
    code = (
        "import sys; from tenfold_common.store.open import open_store; from tenfold_common.clock import SystemClock; "
        f"open_store('sqlite:///{tmp_path / 'tenfold.db'}', clock=SystemClock()).close(); "
        "assert not {'alembic', 'psycopg'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_sqlite_in_memory_is_refused(url: str) -> None:
    """No other process could see it."""
    assert "name a file" in refusal(url)


@pytest.mark.parametrize(
    "url", ["", "tenfold.db", f"u:{PASSWORD}@host", f"postgresql://u:{PASSWORD}@host:port/x", "sqlite:/tenfold.db"]
)
def test_what_is_no_url_is_refused_with_an_example(url: str) -> None:
    """Without repeating it: it may hold a password."""
    assert "postgresql://user:password@host/database" in refusal(url)


@pytest.mark.parametrize("scheme", ["mysql", "redis", "postgresql+asyncpg"])
def test_other_databases_are_refused(scheme: str) -> None:
    """The message names those that work."""
    text = refusal(f"{scheme}://u:{PASSWORD}@host/x")
    assert repr(scheme) in text
    assert "SQLite or PostgreSQL" in text


def test_a_missing_driver_names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's driver is optional."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "pip install 'tenfold[postgres]'" in refusal("postgresql://u@host/x")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    """And left as it is."""
    file = tmp_path / "notes.txt"
    file.write_text("dear diary, " * 100)
    assert "is not an SQLite database" in refusal(f"sqlite:///{file}")
    assert file.read_text() == "dear diary, " * 100


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """Because a file is in its place."""
    (tmp_path / "file").touch()
    assert "cannot be made" in refusal(f"sqlite:///{tmp_path / 'file' / 'x' / 'tenfold.db'}")


def test_a_path_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    """SQLite cannot open it."""
    assert "cannot be opened" in refusal(f"sqlite:///{tmp_path}")


def test_tables_of_ours_in_a_database_without_our_version_are_refused(tmp_path: Path) -> None:
    """Somebody deleted half of it, or it is not ours."""
    file = tmp_path / "tenfold.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE tenfold_trials (x)")
    assert "table tenfold_trials" in refusal(f"sqlite:///{file}")


def test_a_database_may_be_shared_with_another_application(tmp_path: Path) -> None:
    """Tables of other names do not matter."""
    file = tmp_path / "tenfold.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE trials (x)")
        connection.execute("CREATE TABLE alembic_version (x)")
    with opened(f"sqlite:///{file}") as store:
        assert store.studies() == []


def test_an_older_schema_asks_for_the_upgrade(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is changed on the side."""
    with opened(store_url):
        pass
    monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, "9999"))
    text = refusal(store_url)
    assert "tenfold db upgrade" in text
    assert "9999" in text


def test_a_newer_schema_asks_for_a_newer_tenfold(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """This version must not write into it."""
    with monkeypatch.context() as newer, opened(store_url) as store, store._database.writing() as connection:
        newer.undo()
        connection.exec_driver_sql("UPDATE tenfold_alembic_version SET version_num = '9999'")
    assert "pip install --upgrade tenfold" in refusal(store_url)


@pytest.mark.parametrize(
    ("database", "user", "password", "said"),
    [
        ("postgres", "tenfold", "wrong", "password authentication failed"),
        ("nowhere", "tenfold", PASSWORD, 'database "nowhere" does not exist'),
        ("postgres", "stranger", PASSWORD, "password authentication failed"),
    ],
)
def test_a_server_that_refuses_us_is_misuse(
    store_postgres: PostgresServer, database: str, user: str, password: str, said: str
) -> None:
    """Trying again would not help; the setting is named, the password is not shown."""
    text = refusal(store_postgres.url(database, user=user, password=password))
    assert said in text
    assert f"postgresql://{user}:***@/{database}" in text
    assert "TENFOLD_DATABASE_URL" in text


def test_a_password_in_the_query_is_not_shown(store_postgres: PostgresServer) -> None:
    """It is another way to write one."""
    text = refusal(f"postgresql:///nowhere?host={store_postgres.folder}&user=tenfold&password={PASSWORD}")
    assert "password=***" in text


def test_a_user_without_rights_is_told_so(store_postgres: PostgresServer) -> None:
    """Trying again would not help."""
    url = store_postgres.empty_database()
    store_postgres.execute(f"CREATE USER reader PASSWORD '{PASSWORD}'")
    database = url.split("@/")[1].split("?")[0]
    assert "permission denied" in refusal(store_postgres.url(database, user="reader"))


def test_a_server_that_is_not_there_is_a_passing_trouble(tmp_path: Path) -> None:
    """It may come back."""
    with pytest.raises(TransientError, match=r"^the database postgresql://u:\*\*\*@/x\?host=.* is away: .*"):
        open_store(f"postgresql://u:{PASSWORD}@/x?host={tmp_path}", clock=TurnedClock())


def test_the_store_outlives_a_restart_of_the_server() -> None:
    """While it is down: a passing trouble. Afterwards: as if nothing had been."""
    with running_server(postgres_or_skip()) as server, opened(server.empty_database()) as store:
        study = a_study()
        store.add_study(study)
        server.stop()
        with pytest.raises(TransientError, match="is away"):
            store.apply(study.id, [suggested()], epoch=1)
        server.start()
        assert store.apply(study.id, [suggested()], epoch=1) == (True,)


def test_a_connection_cut_within_a_transaction_is_a_passing_trouble(store_postgres: PostgresServer) -> None:
    """Nothing of it is kept, and the next one works."""
    with opened(store_postgres.empty_database()) as store:
        study = a_study()
        store.add_study(study)

        def cut(connection: Connection) -> None:
            apply_change(connection, study.id, suggested(), NOON)
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
            store_postgres.execute(f"SELECT pg_terminate_backend({pid})")
            connection.exec_driver_sql("SELECT 1")

        with pytest.raises(TransientError, match="is away"), store._database.writing() as connection:
            cut(connection)
        assert store.trials(study.id) == []


def test_a_full_disk_is_a_passing_trouble_and_nothing_is_half_written(tmp_path: Path) -> None:
    """Somebody may make room."""
    with opened(f"sqlite:///{tmp_path / 'tenfold.db'}") as store:
        study = a_study()
        store.add_study(study)
        with store._database.reading() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(TransientError, match="no room left"):
            store.apply(study.id, [suggested(number) for number in range(200)], epoch=1)
        assert store.trials(study.id) == []
        with store._database.reading() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        assert store.apply(study.id, [suggested()], epoch=1) == (True,)


def test_a_file_one_may_not_write_is_misuse(tmp_path: Path) -> None:
    """The message says what to check."""
    with opened(f"sqlite:///{tmp_path / 'tenfold.db'}"):
        pass
    with opened(f"sqlite:///file:{tmp_path / 'tenfold.db'}?mode=ro&uri=true") as store:
        assert store.studies() == []
        with pytest.raises(MisuseError, match="check the permissions"):
            store.add_study(a_study())


def test_a_database_without_an_encoding_keeps_every_character(store_postgres: PostgresServer) -> None:
    """``initdb`` in the C locale makes SQL_ASCII databases; names may hold any letter all the same."""
    store_postgres.execute("DROP DATABASE IF EXISTS plain_bytes")
    store_postgres.execute("CREATE DATABASE plain_bytes ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'")
    with opened(store_postgres.url("plain_bytes")) as store:
        store.add_study(a_study("größe-模型"))
        assert store.study("größe-模型").name == "größe-模型"
