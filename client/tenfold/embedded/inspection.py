"""Has a study inspected by a runner of a worker on this machine, instead of in the command line's own process.

The worker has loaded scikit-learn while the command line read the study file, so nobody waits for it twice; and a
model that crashes or hangs when it is tried on a few rows ends the runner, not the command.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tenfold_common.errors import TransientError
from tenfold_common.modelling.findings import Findings, findings_from_json
from tenfold_common.settings import Settings
from tenfold_worker.inspection import inspection_request, refusal_from
from tenfold_worker.runner_client import RunnerClient

if TYPE_CHECKING:
    from tenfold_common.domain.study_file import ReadStudy

TRIAL_FIT_S: Final = 15.0
"""Longest the model may be tried on a few rows."""

_WORKER_START_S: Final = 10.0
_LOOK_S: Final = 0.005
_POLL_S: Final = 0.2


class _NotTriedError(Exception):
    """Trying the model ended the runner, or took too long. Parameter: how, as the end of a sentence."""


class RunnerInspection:
    """Inspects studies in runners of one embedded cluster.

    Args:
        settings: Those by which to reach the cluster.
        meanwhile: Called again and again while waiting.
    """

    def __init__(self, settings: Settings, *, meanwhile: Callable[[], None]) -> None:
        self._settings = settings
        self._meanwhile = meanwhile

    def __call__(self, read: "ReadStudy", base: Path) -> Findings:
        """Inspect a study and store what its workers need.

        Raises:
            StudyFileError: With everything that is wrong.
            TransientError: If no runner can be had.
        """
        try:
            return self._ask(read, base, dry_run=True)
        except _NotTriedError as error:
            from dataclasses import replace

            findings = self._ask(read, base, dry_run=False)
            note = f"the model was tried on a few rows, and {error}: expect trials to fail"
            return replace(findings, warnings=(*findings.warnings, note))

    def _ask(self, read: "ReadStudy", base: Path, *, dry_run: bool) -> Findings:
        client = RunnerClient(self._nursery())
        try:
            client.start()
            client.send(inspection_request(read.text, source=read.source, base=base, dry_run=dry_run))
            return self._answer(client)
        finally:
            client.close()  # the runner has imported the user's modules: nobody else may have it

    def _answer(self, client: RunnerClient) -> Findings:
        trying_until_s: float | None = None
        while True:
            self._meanwhile()
            for message in client.poll(_POLL_S):
                match message.get("event"):
                    case "trying":
                        trying_until_s = time.monotonic() + TRIAL_FIT_S
                    case "inspected":
                        return findings_from_json(message["findings"])
                    case "refused":
                        raise refusal_from(message)
                    case "troubled":
                        raise TransientError(str(message["message"]))
                    case "exited" if trying_until_s is not None:
                        raise _NotTriedError(f"its process {message['how']}")
                    case "exited":
                        raise TransientError(f"the process that looked at the study {message['how']}")
            if trying_until_s is not None and time.monotonic() > trying_until_s:
                raise _NotTriedError(f"was not done after {TRIAL_FIT_S:.0f} seconds")

    def _nursery(self) -> Path:
        """The socket of the worker's nursery; waits until it is there.

        Raises:
            TransientError: If it does not come.
        """
        deadline_s = time.monotonic() + _WORKER_START_S
        while time.monotonic() < deadline_s:
            found = next(self._sockets(), None)
            if found is not None:
                return found
            self._meanwhile()
            time.sleep(_LOOK_S)
        raise TransientError("the worker has not come up")

    def _sockets(self) -> Iterator[Path]:
        url = self._settings.broker_url or ""
        # The parts of an embedded cluster have the broker's directory as their temporary one.
        return Path(url.removeprefix("redis+socket://")).parent.glob("tenfold-worker-*/nursery.sock")
