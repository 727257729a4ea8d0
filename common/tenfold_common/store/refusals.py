"""What every store says when it refuses: one wording, so that tests with the fake see what people will see."""

from tenfold_common.errors import MisuseError, NotFoundError


def name_taken(name: str) -> MisuseError:
    """A new study has the name of an old one."""
    return MisuseError(f"there is a study named {name!r} already; give this one another name, or run it with --new")


def no_trial(number: int, last: int | None) -> NotFoundError:
    """A study has no trial of that number; the number of its last one is ``last``."""
    return NotFoundError("trial", str(number), () if last is None else (f"0 to {last}",))
