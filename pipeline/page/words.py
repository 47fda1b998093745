"""What the page calls the metrics, and how it writes their values."""

import contextlib
import json
import math

from components.evaluation import ranking_metrics
from components.evaluation.metrics.names import Measured

NOTHING = "–"
_ACRONYMS = ("ndcg", "mrr", "map", "auc", "rmse", "mae", "ctr", "cvr")

MEANINGS = {
    "recall": "of what the shopper took, the share in the list",
    "ndcg": "like recall, but early places count more; 1 is the best possible order",
    "mrr": "1 / place of the first item that the shopper took",
    "hit_rate": "share of lists with at least one item that the shopper took",
    "precision": "of the places in the list, the share that the shopper took",
    "map": "precision at each item that the shopper took, averaged over all that were taken",
    "rare_recall": "of the rare items that the shopper took, the share in the list",
    "coverage": "share of the items on offer that some list shows",
    "gini": "how unequally places go to items; 0 is equally, 1 is all to one",
    "popularity_lift": "popularity of what is shown over that of what is taken; 1 is as shoppers are",
    "novelty": "mean information of the shown items in bits; more for less popular ones",
    "rare_share": "share of the shown items that are rare",
    "available_share": "share of the shown items that are on offer",
    "category_diversity": "share of pairs in a list that are of different categories",
    "miscalibration": "how far a list's mix of categories is from that of the shopper's past; 0 is the same",
    "embedding_diversity": "1 − mean likeness of the pairs in a list, by the model's item embeddings; 0 is all alike",
    "disparity": "share of the places that would have to go to other values to be shown as they are taken",
    "least_exposure": "of the value that is worst off, share of the places over that of what is taken; 1 is as taken",
    "auc": "how often an item that answered is predicted above one of the catalogue that did not; .5 is chance",
    "log_loss": "mean surprise at what became of a candidate, in nats; less is better",
    "calibration": "sum of what is predicted over what happens; 1 is neither too much nor too little",
    "calibration_error": "mean distance of probability and outcome, over ten ranges of probability; 0 is none",
    "rmse": "root of the mean squared error, in the unit of what is predicted",
    "mae": "mean absolute error, in the unit of what is predicted",
    "repeat_share": "share of the shown items that the shopper had taken before",
    "ctr": "clicks an impression",
    "cvr": "purchases a click",
    "dwell_per_session": "seconds of looking at items in a session",
    "visit_depth": "events in a session, impressions and purchases aside",
    "revenue_per_session": "what is spent in a session",
    "revenue_captured": "of what the shopper spent, the share that went to items in the list",
    "dwell_captured": "of the time that the shopper looked at items, the share in the list",
    "conversions_captured": "of what the shopper bought, the share in the list",
    "policy_ips": "value of the lists by inverse propensities: reward of a shown item; unbiased",
    "policy_snips": "the same, self-normalised: less chance, slight bias",
    "policy_dm": "the same as the model's own scores have it",
    "policy_dr": "the same, doubly robust: the scores corrected by the log",
    "policy_effective": "how many logged impressions effectively count",
    "logged_value": "reward of an item that the log's own policy showed",
}

GATES = {
    "requests": "requests to judge by",
    "floors": "floor",
    "ceilings": "ceiling",
    "max_loss": "loss",
    "slice_max_loss": "loss of a slice",
    "max_gap": "gap between slices",
    "policy_value.floor": "floor of the policy's value",
    "policy_value.max_loss": "loss of the policy's value",
}


def title(name: str) -> str:
    """A metric as a heading: `first-time NDCG@10` of `first_time/ndcg@10`, `purchase AUC` of `purchase/auc`."""
    what, _, cutoff = name.removeprefix(ranking_metrics.FIRST_TIME).partition("@")
    *whose, what = what.split("/")
    words = what.upper() if what in _ACRONYMS else what.replace("_", " ")
    words = " ".join([name.replace("_", " ") for name in whose] + [words])
    prefix = "first-time " if name.startswith(ranking_metrics.FIRST_TIME) else ""
    return f"{prefix}{words}{f'@{cutoff}' if cutoff else ''}"


def number(value: float | None) -> str:
    """A value of a metric, such as 0.417; a dash for none."""
    return NOTHING if value is None or math.isnan(value) else f"{value:.3f}"


def count(value: float | None) -> str:
    """A number of things, such as 2,003; a dash for none."""
    return NOTHING if value is None or math.isnan(value) else f"{value:,.0f}"


def amount(value: float | None) -> str:
    """A value of a column, to four digits; whole numbers in full."""
    if value is None or math.isnan(value):
        return NOTHING
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 10_000 else f"{value:,.4g}"


def share(value: float) -> str:
    """A share in percent, with one decimal where there is something to tell."""
    return f"{value:.1%}" if value else "0%"


def duration(seconds: float) -> str:
    """How long something took: 0.8 s, 44 s, 7:19 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds // 60:.0f}:{seconds % 60:02.0f} min"


def interval(measured: Measured) -> str:
    """The interval of a value, such as `0.404–0.430`; nothing if it has none."""
    return f"{measured.low:.3f}–{measured.high:.3f}" if measured.has_interval else ""


def signed(value: float) -> str:
    """A difference, such as `+0.012`; one that rounds to nothing has no sign."""
    return f"{value:+.3f}".replace("-", "−") if round(value, 3) else "0.000"


def change(measured: Measured) -> str:
    """What a value gained over the baseline's, such as `+0.012`; nothing without a baseline."""
    return "" if math.isnan(measured.change) else signed(measured.change)


def change_interval(measured: Measured) -> str:
    """The interval of what was gained; nothing if it has none."""
    if math.isnan(measured.change_low):
        return ""
    return f"{signed(measured.change_low)} to {signed(measured.change_high)}"


def is_clear(measured: Measured) -> bool:
    """Whether the interval of the change leaves out 0: chance alone hardly explains it."""
    return measured.change_low > 0 or measured.change_high < 0


def setting(text: str) -> str:
    """A setting of a component for a person: JSON, also within JSON, is indented; other text stays as it is."""
    value = _parsed(text)
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def _parsed(value):
    if isinstance(value, dict):
        return {key: _parsed(inner) for key, inner in value.items()}
    if isinstance(value, str) and value[:1] in ("{", "["):
        with contextlib.suppress(ValueError):
            return _parsed(json.loads(value))
    return value
