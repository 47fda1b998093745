"""The section `tuning` of a configuration: a search for better values before the training."""

import itertools
from collections.abc import Mapping
from typing import Literal

import pydantic

from pipeline import config_checks
from pipeline.config_section import Section

_Value = bool | int | float | str
_UNTUNED = {
    "model": {"heads", "text"},  # decide what is trained on and by, not how well
    "training": {"epochs", "seed", "strategy", "warm_start", "checkpoint_seconds", "checkpoint_dir"},
}


class Tuning(Section):
    """How to search: `trials` trainings of `epochs` each with values out of `space`, judged by the held-out shoppers.

    The best trial's values replace those of the configuration in the training proper.
    """

    space: dict[str, list[_Value]] = pydantic.Field(min_length=1)  # by key, such as training.learning_rate: the values
    trials: pydantic.PositiveInt = 10
    epochs: pydantic.PositiveInt = 2
    objective: str = "ranking_loss"  # a loss in validation; the least is the best
    search: Literal["random", "bayesian", "grid"] = "random"

    @pydantic.field_validator("space")
    @classmethod
    def _values_are_of_one_type(cls, space: dict[str, list[_Value]]) -> dict[str, list[_Value]]:
        for key, values in space.items():
            if not values:
                raise ValueError(f"{key} needs values to choose from")
            if len(kinds := {type(value) for value in values}) > 1:
                if kinds != {int, float}:
                    raise ValueError(f"the values of {key} are of several types; write all in the same way")
                space[key] = [float(value) for value in values]
        return space

    def check(self, sections: Mapping[str, Section], heads: list[str]) -> None:
        """Checks the space against the sections whose values it replaces.

        Args:
            sections: `model` and `training`, as configured.
            heads: the ranker's.

        Raises:
            ValueError: a key is unknown or cannot be tuned, a value does not fit its key or that of another one, or
                the objective is no loss.
        """
        losses = [f"{name}_loss" for name in ("ranking", *heads, "retrieval", "joint")]
        config_checks.known([self.objective], losses)
        tuned = {name: type(section).model_fields.keys() - _UNTUNED[name] for name, section in sections.items()}
        config_checks.known(self.space, sorted(f"{name}.{key}" for name, keys in tuned.items() for key in keys))
        for keys in [*((key,) for key in self.space), *itertools.combinations(self.space, 2)]:
            for values in itertools.product(*(self.space[key] for key in keys)):
                _check_values(sections, dict(zip(keys, values, strict=True)))


def _check_values(sections: Mapping[str, Section], values: dict[str, _Value]) -> None:
    for name, section in sections.items():
        own = {key.removeprefix(f"{name}."): value for key, value in values.items() if key.startswith(f"{name}.")}
        try:
            type(section).model_validate(section.model_dump() | own)
        except pydantic.ValidationError as error:
            written = ", ".join(f"{key} {value}" for key, value in values.items())
            message = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise ValueError(f"{written} cannot be tried: {message}") from None
