"""The figures of the benchmark, the table that shows them, and the file that keeps them."""

import datetime
import pathlib

import numpy as np
import pydantic
from rich import box
from rich.table import Table

from benchmarks.continuous import ARMS, METRICS
from benchmarks.quality import intervals
from benchmarks.quality.intervals import Figure

FILE = pathlib.Path("benchmarks/results/continuous.json")


class Week(pydantic.BaseModel):
    """One span: what was trained when it landed, and how that did in the week after it.

    Attributes:
        span: the newest span that was read.
        households: who bought something in the following week.
        items: in the catalogue.
        new_items: of them, how many the warm model's parent did not know.
        pushed: whether the gates let the warm model through; if not, the arm is the model that was served on.
        start: `warm`, or `cold` where there was nothing to go on from.
        seconds: that Trainer took, by arm: text encoding, training and export.
        values: the mean of each metric, by arm and metric.
    """

    span: int
    households: int
    items: int
    new_items: int | None = None
    pushed: bool
    start: str
    seconds: dict[str, float]
    values: dict[str, dict[str, float]]


class Judged(pydantic.BaseModel):
    """A week with the value of every list, by arm, metric and household."""

    week: Week
    values: dict[str, dict[str, dict[str, float]]]


class Results(pydantic.BaseModel):
    """All weeks, and what they say together."""

    date: datetime.date
    seed: int
    households: int
    window_spans: int
    epochs: dict[str, int]
    machine: str
    weeks: list[Week] = []
    differences: dict[str, dict[str, Figure]] = {}  # by the arm that `warm` is compared with, and metric

    def write(self) -> None:
        """Keeps the figures."""
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_text(self.model_dump_json(indent=2) + "\n")


class Differences:
    """Paired differences of the warm arm to the others, with intervals over households.

    A household's weeks are no independent observations, so each household counts with the mean of its weeks.
    """

    def __init__(self, seed: int):
        self._seed = seed
        self._by_household: dict[tuple[str, str], dict[str, list[float]]] = {}

    def add(self, values: dict[str, dict[str, dict[str, float]]]) -> None:
        """Adds a week: by arm, metric and household."""
        for arm in ARMS[1:]:
            for name in METRICS:
                households = self._by_household.setdefault((arm, name), {})
                for household, value in values["warm"][name].items():
                    households.setdefault(household, []).append(value - values[arm][name][household])

    def figures(self) -> dict[str, dict[str, Figure]]:
        """By arm and metric."""
        figures: dict[str, dict[str, Figure]] = {}
        for (arm, name), households in self._by_household.items():
            means = np.array([np.mean(differences) for differences in households.values()])
            figures.setdefault(arm, {})[name] = intervals.mean(means, self._seed)
        return figures


def layout(results: Results) -> Table:
    """A row a week, means below, and the differences with their intervals."""
    table = Table(title="Judged on the week after each span: warm / cold / frozen", box=box.SIMPLE_HEAD)
    table.add_column("span", justify="right")
    table.add_column("households\nitems (new)", justify="right", no_wrap=True)
    for name in METRICS:
        table.add_column(name.replace("first_time/", "first-time\n"), justify="right", no_wrap=True)
    table.add_column("Trainer, s\nwarm / cold", justify="right", no_wrap=True)
    table.add_column("gates", no_wrap=True)
    for week in results.weeks:
        new = "" if week.new_items is None else f" ({week.new_items:,})"
        table.add_row(
            str(week.span),
            f"{week.households}\n{week.items:,}{new}",
            *(" / ".join(f"{week.values[arm][name]:.4f}" for arm in ARMS) for name in METRICS),
            " / ".join(f"{seconds:.0f}" for seconds in week.seconds.values()),
            "pushed" if week.pushed else "refused",
        )
    table.add_section()
    means = [np.mean([[w.values[arm][name] for arm in ARMS] for w in results.weeks], axis=0) for name in METRICS]
    both = [week.seconds for week in results.weeks if week.start == "warm"]
    seconds = " / ".join(f"{np.mean([s[arm] for s in both]):.0f}" for arm in ("warm", "cold")) if both else ""
    table.add_row("mean", "", *(" / ".join(f"{value:.4f}" for value in values) for values in means), seconds, "")
    for arm, figures in results.differences.items():
        table.add_row(f"warm - {arm}", "", *(_interval(figures[name]) for name in METRICS), "", "")
    return table


def _interval(figure: Figure) -> str:
    low, high = figure.interval
    return f"{figure.value:+.4f} ({low:+.4f} … {high:+.4f})"
