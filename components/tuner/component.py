"""A search for the configuration's best values before the training."""

from tfx import v1 as tfx
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec

from components.tuner.executor import Executor


class Tuner(tfx.components.Tuner):
    """TFX's Tuner, whose results hold the trials' curves as well."""

    EXECUTOR_SPEC = ExecutorClassSpec(Executor)
