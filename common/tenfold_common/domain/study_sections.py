"""The sections of a study file; the descriptions of their keys become docs/study-file.md and the JSON Schema."""

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, JsonValue

from tenfold_common.domain.plain_values import (
    NAME_PATTERN,
    Duration,
    Number,
    ParameterName,
    Section,
    Text,
    Whole,
    YesNo,
    did_you_mean,
    show,
    unfit,
)
from tenfold_common.domain.space_notation import AnyParameter
from tenfold_common.domain.splitters import AnyFolds
from tenfold_common.domain.stopping import Plateau, StoppingRules

STRATEGIES: Final = ("grid", "random", "sobol", "bayesian", "skopt-gp", "skopt-forest", "skopt-extra-trees")
"""The strategies that come with Tenfold."""

_LONGEST_LAG: Final = 10_000


class Order(StrEnum):
    """What a suggestion may depend on."""

    STRICT = "strict"
    FREE = "free"


class Rule(StrEnum):
    """How the winner is chosen."""

    MEAN = "mean"
    ONE_STANDARD_ERROR = "one-standard-error"
    POSTERIOR = "posterior"


class EnvironmentPolicy(StrEnum):
    """What happens on a worker whose package versions differ from those of the study."""

    STRICT = "strict"
    WARN = "warn"
    RECORD = "record"


def _list(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return value
    hint = f"; write [{value}]" if isinstance(value, (str, int, float)) else "; begin each item with a dash"
    raise unfit(f"{show(value)} is not a list{hint}")


def _metrics(value: object) -> object:
    items = _list(value)
    if not items:
        raise unfit("the list of metrics is empty; name one, or leave `metrics` out for the usual one")
    return items


TextList = Annotated[tuple[Text, ...], BeforeValidator(_list)]


class Data(Section):
    """What is learned from."""

    source: Text = Field(
        description="`sklearn:NAME` for data that comes with scikit-learn; a `.csv`, `.parquet` or `.npz` file, by "
        "its path (from the study file's folder) or any fsspec URL; or `python:package.module:function`.",
        examples=["sklearn:digits", "patients.csv", "s3://bucket/rows.parquet", "python:loaders:patients"],
    )
    target: Text | None = Field(
        default=None,
        description="Name of the column (or array) to predict. May be left out where the source has a target of its "
        "own, as scikit-learn's data does; tables need it.",
        examples=["label"],
    )
    test_size: Number = Field(
        default=0.0, ge=0, lt=1, description="Share of the rows to seal as a test set; 0 for none.", examples=[0.2]
    )
    groups: Text | None = Field(
        default=None,
        description="Column whose equal values belong together (a patient, a site). Folds never split a group; the "
        "model does not see the column.",
        examples=["patient"],
    )
    time: Text | None = Field(
        default=None,
        description="Column that orders the rows in time. Folds never train on what comes later; the model does not "
        "see the column.",
        examples=["date"],
    )
    ordered: YesNo = Field(
        default=False, description="Whether the rows already stand in time order although no column says so."
    )
    drop: TextList = Field(
        default=(),
        description="Further columns that the model must not see, such as identifiers.",
        examples=[["id", "comment"]],
    )

    @property
    def in_time_order(self) -> bool:
        """Whether the order of the rows means time."""
        return self.ordered or self.time is not None


class Search(Section):
    """What is tried, and in which way."""

    strategy: Text = Field(
        default="bayesian",
        description="`grid` tries every combination; `random` and `sobol` spread points without looking at results; "
        "`bayesian` and the `skopt-` ones learn from results; others come as plug-ins.",
        examples=list(STRATEGIES),
    )
    space: dict[ParameterName, AnyParameter] = Field(
        description="Parameters to search, by name: `step.parameter` in a pipeline, `step.group.step.parameter` in "
        "its column transformers, the plain name with a single estimator.",
        examples=[{"svc.C": {"float": [0.001, 1000], "log": True}}],
        min_length=1,
        json_schema_extra={"minProperties": 1, "propertyNames": {"pattern": NAME_PATTERN}},
    )
    start: Annotated[tuple[dict[str, JsonValue], ...], BeforeValidator(_list)] = Field(
        default=(),
        description="Points that are tried first, in this order: a value for every parameter that takes part there.",
        examples=[[{"svc.C": 1.0}]],
    )
    constraints: TextList = Field(
        default=(),
        description="Conditions that every point must satisfy: numbers, text, parameter names, `+ - * / // % **`, "
        "comparisons, `and or not`, `in [...]`, `min max abs`. A condition on a parameter that does not take part "
        "does not apply.",
        examples=[["svc.C * svc.gamma < 10"]],
    )
    options: dict[str, JsonValue] = Field(
        default_factory=dict, description="Settings of the strategy; see there.", examples=[{}]
    )


class Evaluation(Section):
    """How one trial is judged."""

    folds: AnyFolds | None = Field(
        default=None,
        description="The splitter, one and the same for all trials. By default five folds of the kind that suits: "
        "stratified for classes, k-fold for numbers, their group forms with `data.groups`, time series for data in "
        "time order.",
        examples=[{"stratified": 5}, {"repeated-stratified": 5, "repeats": 3}],
    )
    metrics: Annotated[tuple[Text, ...], BeforeValidator(_metrics)] | None = Field(
        default=None,
        description="Scores to record: any scikit-learn scorer, or `python:package.module:name`; the first is "
        "optimised. By default accuracy for classes and r2 for numbers.",
        examples=[["accuracy", "f1_macro"]],
        json_schema_extra={"minItems": 1, "uniqueItems": True},
    )


class Resources(Section):
    """What one trial needs."""

    cpu: Whole = Field(default=1, ge=1, le=1_024, description="Processor cores: threads that one trial may use.")
    gpu: Whole = Field(default=0, ge=0, le=1_024, description="GPUs.")


def _lag(value: object) -> object:
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LONGEST_LAG):
        return value
    raise unfit(f"{show(value)} is neither auto nor a whole number of trials from 1 to {_LONGEST_LAG}")


class Execution(Section):
    """How trials are carried out."""

    order: Order = Field(
        default=Order.STRICT,
        description="`strict`: suggestion n depends on trials 0 to n minus `lag` and on nothing else, so that any "
        "number of workers gives the same trials.",
    )
    lag: Annotated[Literal["auto"] | Annotated[int, Field(ge=1, le=_LONGEST_LAG)], BeforeValidator(_lag)] = Field(
        default="auto",
        description="How many trials a suggestion may be behind the newest result: more keeps more workers busy, "
        "less learns faster. `auto`: a tenth of the trials, at least 4, at most 64.",
        examples=["auto", 8],
    )
    resources: Resources = Field(default_factory=Resources, description="What one trial needs.")
    fold_timeout: Duration | None = Field(
        default=None,
        description="Longest that one fold may take; the trial has failed then. Unlimited by default.",
        examples=["10m"],
    )
    attempts: Whole = Field(
        default=3, ge=1, le=100, description="How often a trial is begun when machines fail; models fail only once."
    )
    queue: Text | None = Field(
        default=None, description="Queue that the trials go to. By default the one for the resources: `cpu`."
    )
    labels: TextList = Field(default=(), description="Labels that a worker must carry.")


class PlateauSection(Section):
    """Stop when nothing gets better."""

    trials: Whole = Field(ge=1, description="How many trials in a row must fail to improve the best score.")
    min_delta: Number = Field(default=0.0, ge=0, description="Improvements up to this size do not count.")


class Stopping(Section):
    """When the study ends. Unless the search is a grid, `trials` or `time` must bound it."""

    trials: Whole | None = Field(default=None, ge=1, le=10_000_000, description="Number of trials.", examples=[60])
    time: Duration | None = Field(default=None, description="How long the study may be worked on.", examples=["1h"])
    target: Number | None = Field(
        default=None, description="Score of the first metric that is good enough.", examples=[0.995]
    )
    plateau: PlateauSection | None = Field(
        default=None,
        description="Stop when nothing gets better.",
        examples=[{"trials": 20, "min_delta": 0.0001}],
    )

    def rules(self) -> StoppingRules:
        """The rules as the scheduler judges them."""
        section = self.plateau
        plateau = None if section is None else Plateau(trials=section.trials, min_delta=section.min_delta)
        return StoppingRules(trials=self.trials, time_s=self.time, target=self.target, plateau=plateau)


class Select(Section):
    """How the winner is chosen."""

    rule: Rule = Field(default=Rule.MEAN, description="`mean`: the trial with the best mean score over its folds.")
    confirm: Whole = Field(
        default=0, ge=0, le=10_000, description="How many of the best trials to score again; 0 for none."
    )


def near_strategy(name: str, installed: tuple[str, ...] | None) -> str | None:
    """What is wrong with a strategy's name; None if nothing is.

    Args:
        name: As written.
        installed: Every strategy there is. None where that is not known: only a near miss of a known name is refused
            then, because any other may be a plug-in.
    """
    from difflib import get_close_matches

    known = installed if installed is not None else STRATEGIES
    if name in known or (installed is None and not get_close_matches(name.lower(), STRATEGIES, n=1, cutoff=0.75)):
        return None
    return f"there is no strategy {name!r}; {did_you_mean(name, known)}"
