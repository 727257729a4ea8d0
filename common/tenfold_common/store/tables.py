"""The store's tables, the same on SQLite and PostgreSQL. Shape only: what the columns mean is said in ``rows``.

Every name begins with ``tenfold_``, so that a database can be shared with other applications. JSON is kept as text
that we write ourselves: floats come back to the last bit and keys in their order, which a database's own JSON type
does not promise. A trial's fold results are one JSON text of the trial: they are written once, read whole and never
searched, and a table of 10,000 trials stays one query.
"""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, to the microsecond, read as UTC. SQLite keeps it without its zone, PostgreSQL with it."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """What the database keeps."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """What the store hands out."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


metadata: Final = MetaData()

studies: Final = Table(
    "tenfold_studies",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("seed", Text, nullable=False),  # decimal digits: a seed may be larger than any integer column
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("message", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("document", Text, nullable=False),
    Column("document_hash", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("stopping", Text, nullable=False),
    Column("stopped_at", Integer),
    Column("elapsed_s", Double, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Index("tenfold_studies_by_name", "name", unique=True),
    Index("tenfold_studies_by_document", "document_hash"),
)

trials: Final = Table(
    "tenfold_trials",
    metadata,
    Column("study", Text, ForeignKey(studies.c.id), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("params", Text, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("conditioned_on", Integer, nullable=False),
    Column("score", Double),
    Column("folds", Text, nullable=False),
    Column("failure", Text),
    Column("seconds", Double),
    Column("fingerprint", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
)

attempts: Final = Table(
    "tenfold_attempts",
    metadata,
    Column("study", Text, primary_key=True),
    Column("trial", Integer, primary_key=True, autoincrement=False),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("folds", Text, nullable=False),
    Column("counts", Boolean, nullable=False),
    Column("worker", Text),
    Column("fingerprint", Text),
    Column("results", Text, nullable=False),
    Column("failure", Text),
    Column("seconds", Double),
    Column("published_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    ForeignKeyConstraint(["study", "trial"], [trials.c.study, trials.c.number]),
    Index("tenfold_attempts_by_state", "study", "state"),
)

fingerprints: Final = Table(
    "tenfold_fingerprints",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("facts", Text, nullable=False),
)

scheduler: Final = Table(
    "tenfold_scheduler",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1: there is one lock
    Column("holder", Text),
    Column("epoch", BigInteger, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

version: Final = Table(
    "tenfold_alembic_version",
    MetaData(),  # Alembic's own table, so not among those that it compares
    Column("version_num", String(32), primary_key=True),
)
