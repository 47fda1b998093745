"""The one judge: metrics of every list against what turned out relevant, user by user.

The metrics are those of `components.evaluation.ranking_metrics`, where precision and average precision are defined as
in the recommenders-team library, whose published MovieLens figures stand beside ours.
"""

from collections.abc import Collection, Sequence

import numpy as np

from benchmarks.quality import lists
from benchmarks.quality.answer import Answer, check
from benchmarks.quality.problem import Problem
from components.evaluation.ranking_metrics import FIRST_TIME, list_metrics

_CUTOFFS = [10, 50, 100]


def judge(answer: Answer, problem: Problem) -> dict[str, np.ndarray]:
    """Values by metric, one a user: the problem's metrics, those of first-time items, and properties of the lists.

    Arrays of one metric are in the order of the problem's queries whichever the method, so they can be compared pair by
    pair. A user without a list has an empty one.

    Raises:
        BadAnswer: a list breaks the rules of the problem.
    """
    check(answer, problem)
    values = {}
    for task, by_user in answer.lists.items():
        rows = [
            metrics_of_list(by_user.get(user, []), relevant, problem.metrics)
            for user, relevant in problem.answers(task).items()
        ]
        prefix = FIRST_TIME if task == "first_time" else ""
        values |= {prefix + name: np.array([row[name] for row in rows]) for name in problem.metrics}
    return values | lists.properties(answer.lists["all"], problem)


def metrics_of_list(recommended: Sequence[str], relevant: Collection[str], names: Collection[str]) -> dict[str, float]:
    """The named metrics of one list.

    Args:
        recommended: item ids, best first.
        relevant: item ids, at least one.
        names: such as `ndcg@10`, `recall@50`, `precision@10`, `map@10`.
    """
    metrics = list_metrics(recommended, relevant, _CUTOFFS)
    return {name: metrics[name] for name in names}
