"""The first schema: studies, their trials and attempts, fingerprints, and the scheduler's lock."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    _studies()
    _trials()
    _attempts()
    op.create_table(
        "tenfold_fingerprints",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("facts", sa.Text, nullable=False),
    )
    op.create_table(
        "tenfold_scheduler",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("holder", sa.Text),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )


def _studies() -> None:
    op.create_table(
        "tenfold_studies",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("seed", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("document_hash", sa.Text, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("stopping", sa.Text, nullable=False),
        sa.Column("stopped_at", sa.Integer),
        sa.Column("elapsed_s", sa.Double, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
    )
    op.create_index("tenfold_studies_by_name", "tenfold_studies", ["name"], unique=True)
    op.create_index("tenfold_studies_by_document", "tenfold_studies", ["document_hash"])


def _trials() -> None:
    op.create_table(
        "tenfold_trials",
        sa.Column("study", sa.Text, sa.ForeignKey("tenfold_studies.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("params", sa.Text, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("conditioned_on", sa.Integer, nullable=False),
        sa.Column("score", sa.Double),
        sa.Column("folds", sa.Text, nullable=False),
        sa.Column("failure", sa.Text),
        sa.Column("seconds", sa.Double),
        sa.Column("fingerprint", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
    )


def _attempts() -> None:
    op.create_table(
        "tenfold_attempts",
        sa.Column("study", sa.Text, primary_key=True),
        sa.Column("trial", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("folds", sa.Text, nullable=False),
        sa.Column("counts", sa.Boolean, nullable=False),
        sa.Column("worker", sa.Text),
        sa.Column("fingerprint", sa.Text),
        sa.Column("results", sa.Text, nullable=False),
        sa.Column("failure", sa.Text),
        sa.Column("seconds", sa.Double),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["study", "trial"], ["tenfold_trials.study", "tenfold_trials.number"]),
    )
    op.create_index("tenfold_attempts_by_state", "tenfold_attempts", ["study", "state"])
