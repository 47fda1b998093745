"""Draws with Matplotlib, as SVG that takes its colours and letters from the page around it."""

import io
import itertools
import re
from collections.abc import Callable, Mapping

import markupsafe
import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Stand-ins that Matplotlib writes, by the CSS variable that the page puts in their place, so that one drawing is right
# on a light and on a dark page.
INK, MUTED, RULE, PAPER = "#010101", "#020202", "#030303", "#040404"
FIRST, SECOND = "#050505", "#060606"
_VARIABLES = {INK: "ink", MUTED: "muted", RULE: "rule", PAPER: "paper", FIRST: "first", SECOND: "second"}

_WIDTH = 4.8  # inches: at the width of a column of the page, letters are as large as those of its notes
_STYLE = {
    "svg.fonttype": "none",  # text stays text: searchable, and read out
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": RULE,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.color": RULE,
    "ytick.labelcolor": INK,
    "ytick.left": False,
    "figure.facecolor": "none",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "savefig.facecolor": "none",
}


def draw(name: str, description: str, height: float, paint: Callable[[Axes], None]) -> markupsafe.Markup:
    """Draws a figure of one pair of axes.

    Args:
        name: unlike those of the page's other figures; starts the ids of its parts.
        description: what is to be seen, for those who cannot.
        height: in inches, for a width of 4.8.
        paint: draws into the axes.

    Returns:
        An `svg` element to put into HTML as it is.
    """
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        paint(figure.subplots())
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return _for_page(written.getvalue(), name, description)


def _for_page(svg: str, name: str, description: str) -> markupsafe.Markup:
    svg = svg[svg.index("<svg") :]  # without the XML declaration and the document type
    svg = _with_own_ids(svg, name)
    svg = _with_variables(svg, {stand_in: f"var(--{variable})" for stand_in, variable in _VARIABLES.items()})
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)  # the page decides
    title = f"<title>{markupsafe.escape(description)}</title>"
    return markupsafe.Markup(re.sub(r"<svg([^>]*)>", rf'<svg\1 role="img">{_literal(title)}', svg, count=1))


def _with_own_ids(svg: str, name: str) -> str:
    """Puts the figure's name before its ids, which other figures have as well, and numbers repeated ones."""
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    counts: dict[str, itertools.count] = {}

    def once(match: re.Match) -> str:
        number = next(counts.setdefault(match[1], itertools.count()))
        return f'id="{match[1]}.{number}"' if number else match[0]

    return re.sub(r'\bid="([^"]*)"', once, svg)


def _with_variables(svg: str, variables: Mapping[str, str]) -> str:
    return re.sub("|".join(variables), lambda match: variables[match[0]], svg)


def _literal(replacement: str) -> str:
    return replacement.replace("\\", r"\\")
