"""Write the two synthetic tables of the examples, always the same: ``python examples/data/make_data.py``.

Both are invented, and say so, because a small table whose structure is known shows best what the folds must respect.
Only the standard library's ``random`` is used, whose sequence for a seed is the same everywhere.
"""

import csv
import math
import random
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path

HERE = Path(__file__).parent


def clinics(seed: int = 7) -> list[list[str]]:
    """304 patients of 19 clinics: does a patient come back within 90 days?

    Every clinic has its own habit (its patients come back more or less often, and it writes down blood pressure with
    its own bias), so a model that has seen a clinic's other patients knows too much. One value in ten is missing.
    """
    rng = random.Random(seed)  # noqa: S311  # data for an example, not a secret
    rows = [["clinic", "age", "sex", "smoker", "blood_pressure", "creatinine", "ward", "comes_back"]]
    for clinic in range(19):
        habit, bias = rng.gauss(0.0, 0.8), rng.gauss(0.0, 6.0)
        rows.extend(_patient(rng, f"clinic-{clinic:02d}", habit, bias) for _ in range(16))
    return rows


def _patient(rng: random.Random, clinic: str, habit: float, bias: float) -> list[str]:
    age = min(95, max(18, round(rng.gauss(58, 17))))
    smoker = rng.random() < 0.27
    pressure = 95 + 0.55 * age + 8 * smoker + rng.gauss(0, 11)
    creatinine = math.exp(rng.gauss(-0.1 + 0.004 * (age - 58), 0.35))
    ward = rng.choice(["surgery", "medicine", "medicine", "cardiology"])
    logit = (
        -1.3 + habit + 0.03 * (age - 58) + 0.9 * smoker + 1.4 * math.log(creatinine) + 0.8 * (ward == "cardiology")
    )
    comes_back = rng.random() < 1 / (1 + math.exp(-logit))
    values = [
        str(age),
        rng.choice(["female", "male"]),
        "yes" if smoker else "no",
        f"{pressure + bias:.0f}",
        f"{creatinine:.2f}",
        ward,
    ]
    known = [value if index < 2 or rng.random() > 0.1 else "" for index, value in enumerate(values)]
    return [clinic, *known, "yes" if comes_back else "no"]


def riders(seed: int = 11) -> list[list[str]]:
    """400 days of a bicycle hire: the number of riders by weather, calendar and the days before.

    It grows over the years, and hangs on yesterday and the same day last week, so folds that mix future and past
    promise too much.
    """
    rng = random.Random(seed)  # noqa: S311  # data for an example, not a secret
    rows = [["date", "temperature", "rain_mm", "weekend", "riders_1_day_ago", "riders_7_days_ago", "riders"]]
    past = [420.0] * 7
    noise = 0.0
    for day in range(400):
        today = date(2022, 3, 1) + timedelta(days=day)
        season = math.sin(2 * math.pi * (today.timetuple().tm_yday - 105) / 365.25)
        temperature = 11 + 10 * season + rng.gauss(0, 3)
        rain = rng.expovariate(0.25) if rng.random() < 0.35 else 0.0
        weekend = today.weekday() >= 5
        noise = 0.6 * noise + rng.gauss(0, 22)
        wanted = 330 + 0.35 * day + 9.5 * temperature - 0.22 * (temperature - 18) ** 2 - 12 * min(rain, 12)
        count = max(0.0, wanted + (70 if weekend and rain < 1 else 0) + noise)
        rows.append(
            [
                today.isoformat(),
                f"{temperature:.1f}",
                f"{rain:.1f}",
                str(int(weekend)),
                f"{past[-1]:.0f}",
                f"{past[-7]:.0f}",
                f"{count:.0f}",
            ]
        )
        past.append(round(count))
    return rows


def write(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write a table as CSV with Unix line ends."""
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    write(HERE / "clinics.csv", clinics())
    write(HERE / "riders.csv", riders())
