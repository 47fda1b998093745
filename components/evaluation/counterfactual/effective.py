"""Whether a log can tell anything of a policy: how many of its actions effectively count."""

import numpy as np

from components.evaluation.counterfactual.rounds import Rounds

ENOUGH = 100  # below, one large weight more or less changes the estimate by a per cent or more


def terms(rounds: Rounds) -> tuple[np.ndarray, np.ndarray]:
    """What each round adds to the sum of the weights and to that of their squares: float64 [num_rounds] each."""
    weights = rounds.weight
    return rounds.by_round(weights), rounds.by_round(weights**2)


def sample_size(weights: float, squares: float) -> float:
    """How many equally weighted actions would tell as much: (sum of weights)^2 / sum of squares.

    Kish, "Survey Sampling", 1965. It is of the weights as they are, clipped or not; 0 where all are 0.
    """
    return float(weights**2 / squares) if squares else 0.0


def warning(size: float, shown: int, enough: float = ENOUGH) -> str:
    """What to know before an estimate is believed; empty if enough actions count."""
    if size >= enough:
        return ""
    return (
        f"of {shown:,} logged actions only {size:,.0f} count effectively, fewer than {enough:,.0f}: the policy differs "
        "too much from the one that was logged, and intervals, too, may be far off. Log more exploration"
    )
