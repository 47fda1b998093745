"""The baseline of an evaluation: the newest blessed model that is older than the candidate."""

import ml_metadata as mlmd
from tfx import types
from tfx.dsl.components.common.resolver import ResolverStrategy

from components.baseline.blessed import blessing_of


class LatestBlessedBefore(ResolverStrategy):
    """Resolves `model` to the newest blessed model that was made before `candidate`.

    TFX's own LatestBlessedModelStrategy would, when nothing has changed since the last run, resolve to the very
    candidate: its Evaluator then sees a new input, runs again, and a model that is already served is pushed once more.
    """

    def resolve_artifacts(
        self, store: mlmd.MetadataStore, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]]:
        """See `ResolverStrategy`; takes `candidate`, `model` and `model_blessing`."""
        candidate = max(model.id for model in input_dict["candidate"])
        blessings = blessing_of(input_dict["model_blessing"])
        older = [model for model in input_dict["model"] if model.id < candidate and model.id in blessings]
        if not older:
            return {"candidate": [], "model": [], "model_blessing": []}
        newest = max(older, key=lambda model: model.id)
        return {
            "candidate": input_dict["candidate"],
            "model": [newest],
            "model_blessing": [blessings[newest.id]],
        }
