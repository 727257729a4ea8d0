"""``tenfold db``: care for the database."""

import click

from tenfold.cli.options import home_option, json_option, pass_context
from tenfold.cli.presentation import emit, emit_json
from tenfold.context import Context


@click.group(subcommand_metavar="VERB [ARGS]...")
def db() -> None:
    """Look after the database."""


@db.command()
@json_option
@home_option
@pass_context
def upgrade(context: Context, as_json: bool) -> None:
    """Bring the database to the schema of this version of Tenfold, in one transaction; nothing is lost."""
    from tenfold_common.store.open import upgrade_database

    before, after = upgrade_database(context.settings.database_url)
    if as_json:
        emit_json({"database": context.record_place, "before": before, "after": after})
    elif before == after:
        emit(f"{context.record_place} has the newest schema already ({after})")
    else:
        emit(f"{context.record_place} upgraded from schema {before} to {after}")
