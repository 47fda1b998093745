"""Draws how the values of a column are distributed, in the parts of a table beside each other."""

from collections.abc import Sequence

import markupsafe
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from pipeline.page import data_words, layout
from pipeline.page.document import Bin, Column, Table
from pipeline.page.svg import FIRST, SECOND, draw

_BARS = 24
_VALUES = 8
_LEAST_SHARE = 0.01  # of the most frequent value; ids, of which none is frequent, make no picture
_LINE_HEIGHT = 0.26  # inches

Part = tuple[str, Column, int]  # its title, the column, its rows


def of_table(table: Table) -> list[tuple[str, markupsafe.Markup]]:
    """A plot for each column with something to see, by the column's name."""
    found = []
    for columns in layout.columns(table):
        parts = [
            (data_words.title(split.name), column, split.num_rows)
            for split, column in zip(table.splits, columns, strict=False)
            if column is not None
        ]
        column, _ = columns
        if column.kind == "time":
            continue
        plot = _numbers(table.name, parts) if column.quantiles else _texts(table.name, parts)
        if plot is not None:
            found.append((column.name, plot))
    return found


def spread(quantiles: Sequence[Bin], edges: np.ndarray) -> np.ndarray:
    """Shares by range, from quantiles whose values are taken to be spread evenly within each.

    Args:
        quantiles: ranges of values with their shares.
        edges: ascending [n + 1]; values above the last one count into the last range.

    Returns:
        Shares [n].
    """
    shares = np.zeros(len(edges) - 1)
    for one in quantiles:
        if one.high > one.low:
            inside = np.clip((edges[1:] - one.low) / (one.high - one.low), 0, 1)
            inside -= np.clip((edges[:-1] - one.low) / (one.high - one.low), 0, 1)
            shares += one.share * inside
            shares[-1] += one.share * (1 - inside.sum()) if one.high > edges[-1] else 0
        else:
            place = np.searchsorted(edges, one.low, side="right") - 1
            shares[min(max(place, 0), len(shares) - 1)] += one.share
    return shares


def _numbers(table: str, parts: Sequence[Part]) -> markupsafe.Markup | None:
    shown = [(title, column) for title, column, _ in parts if column.quantiles]
    low = min(column.quantiles[0].low for _, column in shown)
    high = max(column.quantiles[-1].low for _, column in shown)  # the last quantile's tail may be endless
    if not low < high:
        return None
    edges = np.linspace(low, high, _BARS + 1)
    name = shown[0][1].name

    def paint(axes: Axes) -> None:
        for (title, column), colour, filled in zip(shown, (FIRST, SECOND), (True, False), strict=False):
            shares = spread(column.quantiles, edges)
            axes.stairs(shares, edges, color=colour, fill=filled, alpha=0.55 if filled else 1, label=title)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.grid(visible=False, axis="x")
        axes.margins(x=0)
        if len(shown) > 1:
            axes.legend()

    medians = "; ".join(f"{title}: median {column.median:.4g}, largest {column.largest:.4g}" for title, column in shown)
    described = f"{name}, shares by value, all above {high:.4g} in the last bar. {medians}"
    return draw(f"data-{table}-{name}", described, 1.7, paint)


def _texts(table: str, parts: Sequence[Part]) -> markupsafe.Markup | None:
    shares = [(title, _shares(column, rows)) for title, column, rows in parts]
    values = list(shares[0][1])[:_VALUES]
    if len(values) < 2 or shares[0][1][values[0]] < _LEAST_SHARE:
        return None
    name = parts[0][1].name

    def paint(axes: Axes) -> None:
        height = 0.7 / len(shares)
        for number, ((title, share), colour) in enumerate(zip(shares, (FIRST, SECOND), strict=False)):
            rows = [row + (number - (len(shares) - 1) / 2) * height for row in range(len(values))]
            axes.barh(rows, [share.get(value, 0) for value in values], height, color=colour, label=title)
        axes.set_yticks(range(len(values)), [_short(value) for value in values])
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=None))
        axes.grid(visible=False, axis="y")
        if len(shares) > 1:
            axes.legend(loc="lower right")

    described = "; ".join(
        f"{title}: " + ", ".join(f"{value} {share.get(value, 0):.1%}" for value in values) for title, share in shares
    )
    return draw(
        f"data-{table}-{name}",
        f"{name}, shares of the most frequent. {described}",
        0.6 + _LINE_HEIGHT * len(values),
        paint,
    )


def _shares(column: Column, rows: int) -> dict[str, float]:
    present = rows * (1 - column.missing_share)
    return {value: count / present for value, count in column.most_frequent} if present else {}


def _short(value: str) -> str:
    return value if len(value) <= 24 else f"{value[:23]}…"
