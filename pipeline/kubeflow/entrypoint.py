"""What every container of a compiled pipeline starts: `python -m pipeline.kubeflow.entrypoint`.

TFX's own entry point does not run on open-source Kubeflow Pipelines. This one translates what the launcher says, lets
TFX's run the component, and translates its answer; `messages` has what differs.
"""

import argparse
import json
import pathlib
import sys
import tempfile
from typing import Any

import models  # noqa: F401  (selects Keras 2, before anything imports TensorFlow)
from pipeline.beam import SETUP_FILE
from pipeline.kubeflow import messages
from pipeline.kubeflow.places import Places


def main(arguments: list[str]) -> None:
    """Runs one component.

    Args:
        arguments: those of TFX's entry point, which the compiler writes and the launcher fills; then flags of Beam and
            of the executor. `--places_root` says where the launcher's folders are when not at the root.

    Raises:
        MessageError: the launcher's message cannot be understood.
    """
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--executor_class_path", required=True)
    parser.add_argument("--json_serialized_invocation_args", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", required=True)
    parser.add_argument("--places_root", default="/")
    known, flags = parser.parse_known_args(arguments)
    message = json.loads(known.json_serialized_invocation_args)
    inputs_spec = json.loads(known.json_serialized_inputs_spec_args)
    places = Places(known.places_root)

    # Only now: this takes long.
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor as stock

    from pipeline import s3

    s3.register()
    with tempfile.TemporaryDirectory() as folder:
        told = messages.to_tfx(message, inputs_spec, places, pathlib.Path(folder))
        make_places(told["outputs"]["artifacts"])
        known.json_serialized_invocation_args = json.dumps(told)
        stock.main((known, [*flags, f"--setup_file={SETUP_FILE}"]))
    answer = pathlib.Path(message["outputs"]["outputFile"])
    answer.write_text(json.dumps(messages.to_launcher(json.loads(answer.read_text()), places)))


def make_places(outputs: dict[str, Any]) -> None:
    """Makes what TFX's launcher would have made: a folder for each output, but an empty file for a value."""
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils
    from tfx.orchestration.portable import outputs_utils

    parsed = json_format.ParseDict({"artifacts": outputs}, pipeline_spec_pb2.ExecutorInput.Outputs())
    outputs_utils.make_output_dirs(kubeflow_v2_entrypoint_utils.parse_raw_artifact_dict(parsed.artifacts))


if __name__ == "__main__":
    main(sys.argv[1:])
