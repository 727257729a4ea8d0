"""From a study file to a row in the store: everything is checked, stored by content and written down, once.

Submitting the same study twice finds the first one again: the same document on the same data with the same code is
the same study. Nothing is queued here; the scheduler takes up what it finds in the store.
"""

import json
import re
import secrets
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tenfold_common.domain.canonical import canonical_json, content_hash, hash_of
from tenfold_common.domain.moves import Command, Move, Refusal, decide_move
from tenfold_common.domain.records import StudyFacts, StudyRecord
from tenfold_common.domain.stopping import StoppingRules
from tenfold_common.domain.words import ContentHash, Json, StudyId, StudyState
from tenfold_common.errors import MisuseError, StudyFileError, TransientError
from tenfold_common.modelling.findings import Findings, inspect_and_store
from tenfold_common.ports import Artifacts, Clock, Store
from tenfold_scheduler.strategies import Strategy

if TYPE_CHECKING:
    from tenfold_common.domain.study_file import ReadStudy

DEFAULT_QUEUE: Final = "cpu"
LAG_WITHOUT_TRIALS: Final = 8
_LEAST_LAG: Final = 4
_LARGEST_LAG: Final = 64
_LAG_SHARE: Final = 10
_TRIES: Final = 20
_NEAR: Final = 0.75  # two files are not near just because they end alike
_MOST_KEYS_SHOWN: Final = 4


Inspect = Callable[["ReadStudy", Path], Findings]
"""Looks at a study, whose relative paths start from the folder, and stores what its workers need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """What came of a submission.

    Attributes:
        study: The study as stored.
        created: Whether it is new; otherwise it was submitted before.
        notes: What a person should be told, one sentence each.
    """

    study: StudyRecord
    created: bool
    notes: tuple[str, ...] = ()


def read_study_file(path: Path) -> "ReadStudy":
    """Read and judge a study file as far as that is possible without its data and its model's classes.

    Raises:
        StudyFileError: With everything that is wrong with it.
        MisuseError: If there is no such file, or it is no text.
    """
    from tenfold_common.domain.study_file import read_study
    from tenfold_scheduler.strategies.registry import strategy_names

    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MisuseError(_no_such_file(path)) from error
    except UnicodeDecodeError as error:
        raise MisuseError(f"{path} is not UTF-8 text (byte {error.start}); a study file is YAML or JSON") from error
    except OSError as error:
        raise MisuseError(f"{path} cannot be read: {error.strerror}") from error
    return read_study(text, source=str(path), strategies=strategy_names())


def strategy_for(read: "ReadStudy") -> Strategy:
    """The study's strategy, which must be able to search its space.

    Raises:
        StudyFileError: With everything that keeps it from that.
    """
    from tenfold_scheduler.strategies.registry import load_strategy

    search = read.study.search
    strategy = load_strategy(search.strategy)
    found = strategy.problems(read.study.space(), search.options)
    if found:
        raise StudyFileError(read.source, [read.problem("search.strategy", sentence) for sentence in found])
    return strategy


def lag_for(strategy: Strategy, given: int | str, stopping: StoppingRules) -> int | None:
    """How many trials a suggestion may be behind; None where results do not matter.

    Args:
        strategy: The study's.
        given: The study file's ``execution.lag``: a number, or ``auto``.
        stopping: The study's rules.
    """
    if not strategy.learns:
        return None
    if isinstance(given, int):
        return given
    if stopping.trials is None:
        return LAG_WITHOUT_TRIALS
    return min(_LARGEST_LAG, max(_LEAST_LAG, stopping.trials // _LAG_SHARE))


def submit_study(
    read: "ReadStudy",
    *,
    base: Path,
    store: Store,
    artifacts: Artifacts,
    clock: Clock,
    new: bool = False,
    inspect: Inspect | None = None,
) -> Submitted:
    """Check a study against its data, and write it down unless it was submitted before.

    Args:
        read: The study file.
        base: Folder that relative paths in it start from.
        store: Where studies are.
        artifacts: Where data, code and folds go.
        clock: For the moment of submission.
        new: Whether to make a new study even of one that was submitted before.
        inspect: Looks at data and model and stores what workers need; in this process unless given.

    Raises:
        StudyFileError: With everything that is wrong with the study, or with its data.
    """
    strategy = strategy_for(read)
    findings = inspect(read, base) if inspect else inspect_and_store(read, base=base, artifacts=artifacts)
    modules = None if findings.code_hash is None else modules_hash(artifacts.local(findings.code_hash))
    draft = _draft(read, strategy, findings, modules, clock)
    known = None if new else store.study_by_document(draft.document_hash)
    if known is not None:
        return Submitted(study=known, created=False, notes=_notes_on_resuming(known, draft))
    study, notes = _add(store, draft)
    return Submitted(study=study, created=True, notes=(*notes, *findings.warnings))


def identity_of(document: Mapping[str, Json], *, data_hash: ContentHash, modules: ContentHash | None) -> ContentHash:
    """What makes a study this one and no other: its document, its data and the user's Python modules.

    The order of keys counts: parameters are drawn, and columns are put together, in the order they are written in.
    """
    whole = {"document": document, "data": data_hash, "modules": modules}
    return content_hash(json.dumps(whole, ensure_ascii=False, allow_nan=False).encode())


def modules_hash(bundle: Path) -> ContentHash:
    """The hash of a code bundle's Python modules alone.

    A folder of code also collects results, notes and the study file itself. A change of those must not make another
    study of an interrupted one; it goes on with the bundle that was stored.
    """
    with zipfile.ZipFile(bundle) as files:
        return hash_of({name: content_hash(files.read(name)) for name in files.namelist() if name.endswith(".py")})


def carry_out(store: Store, name: str, command: Command) -> Move | Refusal:
    """Change a study's state on a person's behalf, if the command makes sense for it as it is.

    Raises:
        TransientError: If somebody else keeps being faster.
    """
    for _ in range(_TRIES):
        study = store.study(name)
        decided = decide_move(command, study)
        if isinstance(decided, Refusal) or store.move_study(
            study.id,
            revision=study.revision,
            to=decided.to,
            reason=decided.reason,
            message=decided.message,
            stopping=decided.stopping,
        ):
            return decided
    raise TransientError(f"{name!r} kept changing while this was written; try again")


def free_name(wanted: str, taken: set[str]) -> str:
    """``wanted``, or the first of ``wanted-2``, ``wanted-3``, ... that nobody has."""
    if wanted not in taken:
        return wanted
    return next(name for name in (f"{wanted}-{number}" for number in count(2)) if name not in taken)


def differences(known: StudyRecord, draft: StudyRecord) -> tuple[str, ...]:
    """In what a study differs from one that was submitted before, in words: keys of the file, its data, its code."""
    keys = list(differing_keys(dict(known.document), dict(draft.document)))
    shown = keys[:_MOST_KEYS_SHOWN] + (
        [f"{len(keys) - _MOST_KEYS_SHOWN} more"] if len(keys) > _MOST_KEYS_SHOWN else []
    )
    data = ["its data"] if known.facts.data_hash != draft.facts.data_hash else []
    code = ["its code"] if known.facts.code_hash != draft.facts.code_hash else []
    return (*shown, *data, *code)


def differing_keys(a: Json, b: Json, path: str = "") -> Iterator[str]:
    """Dotted keys by which two documents differ, the deepest that say it, in the order of the documents."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in dict.fromkeys((*a, *b)):
            inner = f"{path}.{key}" if path else key
            if (key in a) != (key in b):
                yield inner
            else:
                yield from differing_keys(a.get(key), b.get(key), inner)
    elif canonical_json(a) != canonical_json(b):
        yield path


def _draft(  # one argument per thing that was found out
    read: "ReadStudy",
    strategy: Strategy,
    findings: Findings,
    modules: ContentHash | None,
    clock: Clock,
) -> StudyRecord:
    study, document = read.study, read.study.document()
    rules = study.stopping_rules()
    return StudyRecord(
        id=StudyId(secrets.token_hex(8)),
        name=study.name,
        seed=study.seed,
        state=StudyState.SUBMITTED,
        reason=None,
        message="",
        revision=0,
        document=document,
        document_hash=identity_of(document, data_hash=findings.data_hash, modules=modules),
        facts=StudyFacts(
            strategy=study.search.strategy,
            learns=strategy.learns,
            lag=lag_for(strategy, study.execution.lag, rules),
            metrics=findings.metrics,
            direction=findings.direction,
            folds=findings.folds,
            rows=findings.rows,
            features=findings.features,
            data_hash=findings.data_hash,
            splits_hash=findings.splits_hash,
            spec_hash=findings.spec_hash,
            code_hash=findings.code_hash,
            queue=study.execution.queue or DEFAULT_QUEUE,
            attempts=study.execution.attempts,
            environment=environment_of(document),
        ),
        stopping=rules,
        stopped_at=None,
        elapsed_s=0.0,
        created_at=clock.now(),
        started_at=None,
        ended_at=None,
    )


def environment_of(document: Mapping[str, Json]) -> dict[str, str]:
    """Versions of Python and of the packages that the study's model and metrics come from."""
    from tenfold_common.provenance.software import distribution_of, software_versions

    modules = {path.removeprefix("python:").replace(":", ".") for path in _class_paths(document["model"])}
    found = (distribution_of(module) for module in modules)
    return software_versions(name for name in found if name is not None)


def _class_paths(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("class"), str):
            yield str(value["class"])
        for item in value.values():
            yield from _class_paths(item)
    elif isinstance(value, list):
        for item in value:
            yield from _class_paths(item)


def _add(store: Store, draft: StudyRecord) -> tuple[StudyRecord, list[str]]:
    for _ in range(_TRIES):
        studies = {study.name: study for study in store.studies()}
        study = replace(draft, name=free_name(draft.name, set(studies)))
        try:
            store.add_study(study)
        except MisuseError:
            if study.name not in {known.name for known in store.studies()}:
                raise
            continue  # somebody has taken the name just now
        return study, _notes_on_name(studies, study, draft)
    raise TransientError(f"the names after {draft.name!r} were taken again and again; try again")


def _notes_on_name(studies: Mapping[str, StudyRecord], study: StudyRecord, draft: StudyRecord) -> list[str]:
    if study.name == draft.name:
        return []
    family = re.compile(rf"{re.escape(draft.name)}(-\d+)?")
    last = max((one for name, one in studies.items() if family.fullmatch(name)), key=lambda one: one.created_at)
    differing = differences(last, draft)
    if not differing:
        return [f"{last.name} was run before; this is a new study: {study.name}"]
    notes = [f"{last.name} differs in {', '.join(differing)}; this is a new study: {study.name}"]
    if all(key.startswith("stopping") for key in differing):
        notes.append(f"to add trials to {last.name} instead: `tenfold extend {last.name} --trials N`")
    return notes


def _notes_on_resuming(known: StudyRecord, draft: StudyRecord) -> tuple[str, ...]:
    if known.facts.code_hash == draft.facts.code_hash:
        return ()
    return (f"files beside the Python modules have changed; {known.name} goes on with those it was submitted with",)


def _no_such_file(path: Path) -> str:
    folder = path.parent
    names = [one.name for one in folder.iterdir()] if folder.is_dir() else []
    near = get_close_matches(path.name, names, n=1, cutoff=_NEAR)
    hint = f"did you mean {folder / near[0]}?" if near else "`tenfold init` writes a first study file"
    return f"there is no file {path}; {hint}"
