"""The parent of a model: the blessed model of the span before, from which training may go on."""

import ml_metadata as mlmd
from tfx import types
from tfx.dsl.components.common.resolver import ResolverStrategy

from components.baseline.blessed import blessing_of, span_of


class LatestBlessedOfEarlierSpan(ResolverStrategy):
    """Resolves `model` to the blessed model of the newest span before `span`; of several, to the one made last.

    The newest blessed model of all would, when a run is repeated, be what that run itself made: it would be trained
    once more, on the same data, from itself.
    """

    def __init__(self, span: int | None):
        """Args:
        span: of the run; None, where it is not known, takes models of every span.
        """
        self._span = span

    def _is_earlier(self, span: int) -> bool:
        return self._span is None or span < self._span

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """See `ResolverStrategy`; takes `model` and `model_blessing`."""
        blessings = blessing_of(input_dict["model_blessing"])
        earlier = [
            (span, model.id, model)
            for model in input_dict["model"]
            if model.id in blessings and (span := span_of(store, model.id)) is not None and self._is_earlier(span)
        ]
        if not earlier:
            return {"model": [], "model_blessing": []}
        _, _, newest = max(earlier, key=lambda found: found[:2])
        return {"model": [newest], "model_blessing": [blessings[newest.id]]}
