"""What RequestExamples needs of the configuration: the part that, when it changes, makes the examples change."""

import pydantic

from pipeline.config import Config, Feature, Head, Requests


class Settings(pydantic.BaseModel):
    """Travels to the executor as JSON, so that it is part of what caching compares."""

    requests: Requests
    features: list[Feature]
    heads: list[Head]
    seed: int
    max_rejected_share: float

    @classmethod
    def of(cls, config: Config) -> "Settings":
        """The settings of a shop."""
        return cls(
            requests=config.requests,
            features=[f.model_copy(update={"train": True}) for f in config.features],  # what trains changes no example
            heads=config.model.heads,
            seed=config.training.seed,
            max_rejected_share=config.data.max_rejected_share,
        )

    def names(self, role: str) -> list[str]:
        """Names of the declared features of a role: `user`, `item` or `context`."""
        return [feature.name for feature in self.features if feature.role == role]

    def is_numeric(self, role: str, name: str) -> bool:
        """Whether a feature of a role is declared numeric; roles may share a name."""
        return any((feature.role, feature.name, feature.kind) == (role, name, "numeric") for feature in self.features)

    @property
    def answer_events(self) -> list[str]:
        """Kinds of event that answer a request: those that count in evaluation, and those that a head learns."""
        kinds = list(self.requests.positive_events)
        return kinds + [kind for head in self.heads for kind in head.events if kind not in kinds]
