"""What Transform and Trainer need of the configuration; JSON in their execution properties, so caching compares it."""

from collections.abc import Mapping

import pydantic

from pipeline.config import Config, Feature, Head, Model
from pipeline.config_serving import ServedModel
from pipeline.config_training import Training


class TransformSettings(pydantic.BaseModel):
    """What decides the Transform graph."""

    features: list[Feature]
    heads: list[Head]
    history_kinds: list[str]

    @classmethod
    def of(cls, config: Config) -> "TransformSettings":
        read = [feature for feature in config.features if feature.train or feature.kind == "text"]
        return cls(features=read, heads=config.model.heads, history_kinds=config.requests.history_kinds)

    @property
    def trains_on_text(self) -> bool:
        """Whether the item tower reads texts, or only search does."""
        return any(feature.kind == "text" and feature.train for feature in self.features)

    def names(self, role: str, kind: str) -> list[str]:
        """Declared features by role and kind, with the prefix that they carry in examples, such as `item_brand`."""
        return [f"{role}_{f.name}" for f in self.features if (f.role, f.kind) == (role, kind)]


class TrainerSettings(TransformSettings):
    """What decides the trained model."""

    model: Model
    training: Training
    serving: ServedModel
    history_length: int
    positive_kinds: list[str]
    popularity_days: int

    @classmethod
    def of(cls, config: Config) -> "TrainerSettings":
        return cls(
            **TransformSettings.of(config).model_dump(),
            model=config.model,
            training=config.training,
            serving=config.serving.served_model,
            history_length=config.requests.history_length,
            positive_kinds=config.requests.positive_events,
            popularity_days=config.requests.popularity_days,
        )

    def with_values(self, values: Mapping[str, object]) -> "TrainerSettings":
        """The settings with other values at some keys, such as `training.learning_rate`."""
        document = self.model_dump()
        for key, value in values.items():
            section, name = key.split(".")
            document[section][name] = value
        return TrainerSettings.model_validate(document)
