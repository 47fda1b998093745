"""The section `training` of a configuration: how the model is trained."""

from typing import Annotated, Literal

import pydantic

from pipeline.config_section import Section
from pipeline.config_warm_start import WarmStart


class Training(Section):
    """How the model is trained; docs/training.md has more about checkpoints, schedules and precision."""

    epochs: pydantic.PositiveInt = 5
    batch_size: pydantic.PositiveInt = 256
    learning_rate: pydantic.PositiveFloat = 2e-3  # the highest that there is
    schedule: Literal["cosine", "exponential", "constant"] = "cosine"  # how the rate falls: to 0, by `decay`, not
    decay: Annotated[float, pydantic.Field(gt=0, le=1)] = 0.5  # exponential: what each epoch leaves of the rate
    warmup_steps: pydantic.NonNegativeInt = 0  # of all `epochs`, in which the rate rises to its highest
    max_gradient_norm: pydantic.PositiveFloat | None = (
        None  # scales down gradients that are longer, all weights' as one
    )
    retrieval_weight: pydantic.NonNegativeFloat = 1.0
    early_stopping_patience: pydantic.PositiveInt = 2
    precision: Literal["float32", "bfloat16"] = "float32"  # of the towers' and the ranker's hidden layers
    strategy: Literal["default", "mirrored"] = "default"
    seed: int = 42
    warm_start: WarmStart = WarmStart()
    checkpoint_seconds: pydantic.NonNegativeFloat | None = 60  # of training that a kill may cost; None: all of it
    checkpoint_dir: str = ""  # has NAME/checkpoints below it: a folder or a bucket that the next run sees; empty: runs

    def lasting(self, epochs: int) -> "Training":
        """The same over other epochs, warming up for the same share of the steps: it fits if it fits here."""
        steps = self.warmup_steps * epochs // self.epochs
        return self.model_copy(update={"epochs": epochs, "warmup_steps": steps})

    @property
    def hidden_dtype(self) -> str:
        """Keras' policy for hidden layers; their weights, and all that is summed up or compared, stay in float32."""
        return "float32" if self.precision == "float32" else f"mixed_{self.precision}"
