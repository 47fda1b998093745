"""Which metrics a log allows for, by the kinds of outcome that it has (`schemas.request_example.OUTCOME_FILE`)."""

from collections.abc import Collection, Iterable, Sequence

from components.evaluation.metrics import business, policy
from components.evaluation.metrics.logged_request import LoggedMetric

PROPENSITIES = "propensities"
KINDS = ("impressions", "clicks", "conversions", "interactions", "revenue", "dwell_seconds", PROPENSITIES)


def metrics(kinds: Collection[str], cutoffs: Sequence[int], max_weight: float | None = None) -> list[LoggedMetric]:
    """The metrics of a log.

    Args:
        kinds: of `KINDS`, those that the log has.
        cutoffs: list lengths to judge; what a policy earns is judged at the first.
        max_weight: largest importance weight; None leaves them as they are.
    """
    has = {"sessions", *kinds}
    found: list[LoggedMetric] = [
        business.Description(name) for name, needed in business.DESCRIPTIONS.items() if has.issuperset(needed)
    ]
    found += [business.Captured(kind, cutoff) for kind in business.CAPTURED if kind in has for cutoff in cutoffs]
    return found + (policy.metrics(cutoffs[0], max_weight) if PROPENSITIES in has else [])


def names(cutoffs: Sequence[int], kinds: Collection[str] = KINDS) -> list[str]:
    """What they are called; by default all that any log allows for."""
    return [metric.name for metric in metrics(kinds, cutoffs)]


def missing(kinds: Iterable[str]) -> list[str]:
    """What a log leaves out, in words, and why; nothing if it has all."""
    kinds = set(kinds)
    reasons = {
        "CTR": [kind for kind in ("impressions", "clicks") if kind not in kinds],
        "CVR": [kind for kind in ("clicks", "conversions") if kind not in kinds],
        "dwell time": [kind for kind in ("dwell_seconds",) if kind not in kinds],
        "visit depth": [kind for kind in ("interactions",) if kind not in kinds],
        "revenue": [kind for kind in ("revenue",) if kind not in kinds],
        "value of the policy": [kind for kind in (PROPENSITIES,) if kind not in kinds],
    }
    return [
        f"{what}, since the log has no {' and no '.join(kind.replace('_', ' ') for kind in lacking)}"
        for what, lacking in reasons.items()
        if lacking
    ]
