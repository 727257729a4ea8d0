"""Where suggestions are computed: one thread beside the loop, so that a slow strategy never delays recording results.

Strategies are pure, so a suggestion that is thrown away (the study changed meanwhile) costs nothing but its time.
"""

import logging
import queue
import threading
from collections.abc import Callable, Mapping

from tenfold_common.domain.space import Space
from tenfold_common.domain.study_file import StudyFile
from tenfold_common.domain.words import Params, StudyId
from tenfold_scheduler.decide import Suggested, SuggestionFailed
from tenfold_scheduler.progress import StudyProgress
from tenfold_scheduler.strategies import Strategy, SuggestRequest

log = logging.getLogger(__name__)

Answer = Suggested | SuggestionFailed


class SuggestionDesk:
    """Takes requests, answers through a callback from its own thread.

    Args:
        load: Finds a strategy by name.
        answered: Called with (study, answer) when a suggestion is ready; must be safe to call from a thread.
    """

    def __init__(self, load: Callable[[str], Strategy], answered: Callable[[StudyId, Answer], None]) -> None:
        self._load = load
        self._answered = answered
        self._requests: queue.SimpleQueue[tuple[StudyId, str, SuggestRequest]] = queue.SimpleQueue()
        self._searches: dict[StudyId, Search] = {}
        # A daemon, not an executor: the process must be able to end while a slow strategy is still thinking.
        self._thread = threading.Thread(target=self._work, name="suggest", daemon=True)

    def start(self) -> None:
        """Start answering."""
        self._thread.start()

    def open(self, study: StudyId, document: Mapping[str, object]) -> None:
        """Prepare for a study's requests."""
        if study not in self._searches:
            self._searches[study] = Search.of(document)

    def close_study(self, study: StudyId) -> None:
        """Forget a study that has ended."""
        self._searches.pop(study, None)

    def ask(self, progress: StudyProgress, number: int, conditioned_on: int) -> None:
        """Compute suggestion ``number`` from the first ``conditioned_on`` observations."""
        study = progress.plan.study
        search = self._searches[study]
        learns = progress.plan.lag is not None
        request = SuggestRequest(
            space=search.space,
            seed=progress.plan.seed,
            number=number,
            observations=progress.observed[:conditioned_on] if learns else (),
            pending=progress.pending(number, conditioned_on) if learns else (),
            direction=progress.plan.direction,
            start=search.start,
            options=search.options,
        )
        self._requests.put((study, search.strategy, request))

    def _work(self) -> None:
        while True:
            study, strategy, request = self._requests.get()
            self._answered(study, self._answer(strategy, request))

    def _answer(self, strategy: str, request: SuggestRequest) -> Answer:
        try:
            return Suggested(number=request.number, params=self._suggest(strategy, request))
        except Exception as error:  # a plug-in may raise anything; the study fails, not the scheduler
            log.exception("the strategy failed")
            why = f"the strategy failed: {type(error).__name__}: {error}"
            return SuggestionFailed(number=request.number, message=why)

    def _suggest(self, name: str, request: SuggestRequest) -> Params | None:
        params = self._load(name).suggest(request)
        if params is not None:
            problems = request.space.problems(params)
            if problems:
                raise ValueError(f"strategy {name!r} suggested {params!r}: {problems[0]}")
        return params


class Search:
    """The parts of a study file that suggestions depend on."""

    def __init__(self, study: StudyFile) -> None:
        self.strategy = study.search.strategy
        self.space: Space = study.space()
        self.start: tuple[Params, ...] = study.start_points()
        self.options = study.search.options

    @classmethod
    def of(cls, document: Mapping[str, object]) -> "Search":
        """From the stored document."""
        return cls(StudyFile.model_validate(document))
