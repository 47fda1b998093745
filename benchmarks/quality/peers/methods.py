"""The peers by name, each with the parameter sets that are tried on the earlier problem; the first set is the default.

A peer's module is imported when the peer is asked for, so that one process loads only the libraries it needs.
"""

import importlib
import inspect
from collections.abc import Callable
from importlib import metadata
from typing import NamedTuple

from .answers import Scorer
from .problem import Problem, ProblemError


class Method(NamedTuple):
    """A peer.

    Attributes:
        module, function: where it is; the function takes a problem and the parameters and answers with a scorer.
        distribution: the installed package that does the work; None for the few lines of numpy here.
        grid: the parameter sets to choose from.
        own_items_only: it ranks what the user took before and nothing else.
    """

    module: str
    function: str
    distribution: str | None
    grid: list[dict]
    own_items_only: bool = False

    def load(self) -> Callable[..., Scorer]:
        """The function.

        Raises:
            ProblemError: the library is not installed.
        """
        try:
            return getattr(importlib.import_module(f".{self.module}", __package__), self.function)
        except ModuleNotFoundError as missing:
            raise ProblemError(f"{missing}; install requirements.lock of the peers") from missing

    def train(self, problem: Problem, parameters: dict) -> Scorer:
        """A scorer trained on the problem's past.

        Raises:
            ProblemError: the method has no such parameter, or its library is not installed.
        """
        function = self.load()
        known = [name for name in inspect.signature(function).parameters if name != "problem"]
        if unknown := sorted(set(parameters) - set(known)):
            raise ProblemError(f"{self.function} has no parameter {unknown[0]!r}; it has {', '.join(known)}")
        return function(problem, **parameters)

    @property
    def library(self) -> str:
        """What does the work, with its version."""
        return f"{self.distribution} {metadata.version(self.distribution)}" if self.distribution else "own code"


METHODS = {
    "popularity": Method("frequency", "popularity", None, [{"days": 28}, {"days": None}]),
    "own_frequency": Method(
        "frequency",
        "own_frequency",
        None,
        [{"weekly_decay": 0.95}, {"weekly_decay": 0.9}, {"weekly_decay": 0.98}, {"weekly_decay": 1.0}],
        own_items_only=True,
    ),
    "item_knn": Method(
        "neighbours",
        "item_knn",
        "pm-implicit",
        [
            {"weighting": "bm25", "neighbours": 5, "weekly_decay": 0.95, "damped": False},
            {"weighting": "bm25", "neighbours": 20, "weekly_decay": 0.95, "damped": False},
            {"weighting": "tfidf", "neighbours": 300, "weekly_decay": 1.0, "damped": True},
            {"weighting": "cosine", "neighbours": 100, "weekly_decay": 1.0, "damped": True},
        ],
    ),
    "als": Method(
        "als",
        "als",
        "pm-implicit",
        [
            {"factors": 128, "weighting": "bm25", "weekly_decay": 0.95},
            {"factors": 64, "weighting": "bm25", "weekly_decay": 0.95},
            {"factors": 64, "weighting": "bm25", "weekly_decay": 1.0},
            {"factors": 16, "weighting": "none", "alpha": 5.0, "regularization": 1.0},
        ],
    ),
    "bpr": Method("bpr", "bpr", "cornac", [{"factors": 200}, {"factors": 64}]),
    "ease": Method(
        "ease",
        "ease",
        None,
        [
            {"items": 5_000, "regularization": 500.0, "weekly_decay": 0.95, "binary": False},
            {"items": 10_000, "regularization": 500.0, "weekly_decay": 0.95, "binary": False},
            {"items": 5_000, "regularization": 500.0},
            {"items": 5_000, "regularization": 200.0},
        ],
    ),
    "tifu_knn": Method(
        "tifu_knn",
        "tifu_knn",
        None,
        [
            {"neighbours": 300, "groups": 13, "within_decay": 0.95, "group_decay": 0.8, "alpha": 0.7},
            {"neighbours": 300, "groups": 7, "within_decay": 0.9, "group_decay": 0.7, "alpha": 0.7},
            {"neighbours": 300, "groups": 7, "within_decay": 1.0, "group_decay": 0.8, "alpha": 0.7},
            {"neighbours": 900, "groups": 3, "within_decay": 0.9, "group_decay": 0.6, "alpha": 0.9},
        ],
    ),
    "sasrec": Method(
        "sasrec", "sasrec", "rectools", [{"steps": 700}, {"steps": 700, "loss": "softmax", "items": 2_000}]
    ),
    "lightgbm": Method(
        "lambdarank", "lambdarank", "lightgbm", [{"windows": 3}, {"windows": 2, "similar": 300, "popular": 100}]
    ),
}
