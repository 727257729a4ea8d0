"""What ``tenfold doctor`` found, as facts, text and JSON. Pure; the checking is the command line's."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tenfold.report.paint import PLAIN, Paint
from tenfold.report.shapes import Shape
from tenfold.report.tables import fact_lines
from tenfold.report.wording import count_text


class Verdict(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at.

    Attributes:
        name: What was looked at.
        verdict: How it came out.
        detail: What was found.
        step: What to do about it; empty where nothing needs doing.
    """

    name: str
    verdict: Verdict
    detail: str
    step: str = ""


def healthy(findings: Sequence[Finding]) -> bool:
    """Whether nothing failed; warnings are no failures."""
    return all(finding.verdict is not Verdict.FAIL for finding in findings)


def health_shape(findings: Sequence[Finding]) -> Shape:
    """The findings as ``{ok, checks: [{name, verdict, detail, next}]}``."""
    return {
        "ok": healthy(findings),
        "checks": [
            {"name": one.name, "verdict": str(one.verdict), "detail": one.detail, "next": one.step or None}
            for one in findings
        ],
    }


def health_text(findings: Sequence[Finding], *, paint: Paint = PLAIN, width: int | None = None) -> str:
    """One line per finding, then the sum of them."""
    names = max(len(finding.name) for finding in findings)
    rows = []
    for finding in findings:
        step = f"; {finding.step}" if finding.step else ""
        label = f"{finding.verdict:<4}  {finding.name:<{names}}"
        line = fact_lines([(label, finding.detail + step)], width=width)
        rows.append(paint.state(f"{finding.verdict:<4}") + line[4:])
    return "\n".join([*rows, "", _verdict(findings, paint)])


def _verdict(findings: Sequence[Finding], paint: Paint) -> str:
    failed = sum(finding.verdict is Verdict.FAIL for finding in findings)
    warned = sum(finding.verdict is Verdict.WARN for finding in findings)
    if failed:
        return paint.bad(f"{count_text(failed, 'check')} failed")
    return paint.careful(f"usable, with {count_text(warned, 'warning')}") if warned else paint.good("all is well")
