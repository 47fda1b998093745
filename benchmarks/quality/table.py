"""Lays a result out for a terminal: a row a method, an interval below each mean."""

from rich import box
from rich.table import Table

from benchmarks.quality.intervals import Figure
from benchmarks.quality.results import Method, Result

_MILLISECONDS = 1_000
_LEGEND = (
    "Of the ten best items: diversity is the share of pairs of different categories, novelty the mean of -log2 of the "
    "share of users who took the item, new the share that the user never took, coverage the share of all items taken "
    "before that somebody is shown."
)


def layout(result: Result) -> Table:
    """The table of one problem, with published figures below those measured here."""
    fullest_first = sorted(result.methods.values(), key=lambda method: -len(method.figures))
    names = list(dict.fromkeys(name for method in fullest_first for name in method.figures))
    users = ", ".join(f"{count:,} ({task.replace('_', '-')} items)" for task, count in result.users.items())
    table = Table(
        title=f"{result.problem}: {users} users; means with 95 % intervals below",
        caption=_LEGEND,
        box=box.SIMPLE_HEAD,
    )
    table.add_column("method", no_wrap=True)
    for name in (*names, "training\ns", "inference\nms/user"):
        table.add_column(name.replace("first_time/", "first-time\n"), justify="right", no_wrap=True)
    for name, method in result.methods.items():
        table.add_row(name, *(_cell(method.figures.get(figure)) for figure in names), *_costs(method), end_section=True)
    if result.differences:
        table.add_row(
            "shelfwise - best peer",
            *(
                f"{_cell(found.figure)}\n{found.peer}" if (found := result.differences.get(name)) else ""
                for name in names
            ),
            end_section=True,
        )
    for name, figures in result.published.items():
        table.add_row(f"{name} (published)", *(f"{figures[n]:.3f}" if n in figures else "" for n in names))
    return table


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    digits = 2 if abs(figure.value) >= 1 else 3 if abs(figure.value) >= 0.01 else 4
    if figure.interval is None:
        return f"{figure.value:.{digits}f}"
    low, high = figure.interval
    return f"{figure.value:.{digits}f}\n{low:.{digits}f} … {high:.{digits}f}"


def _costs(method: Method) -> tuple[str, str]:
    training = method.report.training_seconds
    return (
        "-" if training is None else f"{training:.1f}",
        f"{method.report.inference_seconds_a_user * _MILLISECONDS:.2f}",
    )
