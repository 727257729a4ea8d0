"""Inspects a study in a runner, on behalf of a command line on the same machine.

There the libraries are loaded already, and user code that crashes or hangs takes nothing along but the runner.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tenfold_common.domain.words import Json
from tenfold_common.errors import DataError, MisuseError, Problem, StudyFileError
from tenfold_common.modelling.findings import findings_to_json, inspect_and_store
from tenfold_common.ports import Artifacts
from tenfold_worker.wire import Message


def inspection_request(text: str, *, source: str, base: Path, dry_run: bool) -> dict[str, Json]:
    """The message that asks for an inspection.

    Args:
        text: The study file.
        source: Its name, for messages.
        base: Folder that its relative paths start from; absolute.
        dry_run: Whether to try the model on a few rows.
    """
    return {"inspect": {"text": text, "source": source, "base": str(base), "dry_run": dry_run}}


def inspect_for(request: Message, artifacts: Artifacts, *, tell: Callable[[Message], None]) -> None:
    """Carry out what :func:`inspection_request` asks for.

    Args:
        request: The value of ``inspect``.
        artifacts: Where data, code and folds go.
        tell: Gets ``{"event": "trying"}`` before the model is tried, and at last ``inspected``, or ``refused`` with
            everything that is wrong.
    """
    from tenfold_common.domain.study_file import read_study

    try:
        findings = inspect_and_store(
            read_study(str(request["text"]), source=str(request["source"])),
            base=Path(request["base"]),
            artifacts=artifacts,
            dry_run=bool(request["dry_run"]),
            on_dry_run=lambda: tell({"event": "trying"}),
        )
    except MisuseError as error:
        tell({"event": "refused", **_refusal(error)})
    else:
        tell({"event": "inspected", "findings": findings_to_json(findings)})


def refusal_from(message: Message) -> MisuseError:
    """The error that a ``refused`` message carries."""
    if message["kind"] == "study":
        return StudyFileError(str(message["source"]), list(_problems(message["problems"])))
    return DataError(str(message["text"])) if message["kind"] == "data" else MisuseError(str(message["text"]))


def _refusal(error: MisuseError) -> dict[str, Json]:
    if isinstance(error, StudyFileError):
        return {"kind": "study", "source": error.source, "problems": [asdict(problem) for problem in error.problems]}
    return {"kind": "data" if isinstance(error, DataError) else "misuse", "text": str(error)}


def _problems(fields: Any) -> Iterator[Problem]:  # Any: a message
    for problem in fields:
        yield Problem(key=str(problem["key"]), message=str(problem["message"]), line=problem["line"])
