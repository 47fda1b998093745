"""Runs the search, and keeps what TensorBoard shows of its trials with the results."""

import os

from tfx.components.tuner import executor as tfx_tuner
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import json_utils

TRIALS = "trials"  # in the artefact `tuner_results`


class Executor(tfx_tuner.Executor):
    """TFX's own executor; its `tuner_fn` finds in `custom_config["trials"]` where to log to.

    TFX gives a training a folder for its logs, and a tuning none.
    """

    def Do(self, input_dict: dict[str, list], output_dict: dict[str, list], exec_properties: dict) -> None:
        """See the base class."""
        results = artifact_utils.get_single_uri(output_dict[standard_component_specs.TUNER_RESULTS_KEY])
        custom_config = json_utils.loads(exec_properties[standard_component_specs.CUSTOM_CONFIG_KEY])
        custom_config["trials"] = os.path.join(results, TRIALS)
        changed = {standard_component_specs.CUSTOM_CONFIG_KEY: json_utils.dumps(custom_config)}
        super().Do(input_dict, output_dict, exec_properties | changed)
