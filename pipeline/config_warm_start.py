"""The section `training.warm_start`: whether training goes on from an earlier model, and how far."""

import pydantic

from pipeline.config_section import Section


class WarmStart(Section):
    """Training from the newest blessed model of an earlier span, which already knows most of what there is to learn.

    Without such a model, or with one of another structure, training starts cold, by the section `training`.
    """

    enabled: bool = False
    epochs: pydantic.PositiveInt = 2
    learning_rate: pydantic.PositiveFloat | None = None  # at first; None: that of `training`
