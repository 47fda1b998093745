"""TFX's Pusher, made atomic."""

import os
from typing import Any

from tfx import types
from tfx.components.pusher import executor
from tfx.dsl.io import fileio
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import proto_utils

_ASIDE = ".incoming"  # no number, so that servers do not take it for a version


class Executor(executor.Executor):
    """Copies the model aside and renames it to its version folder once it is complete.

    The stock executor copies into the version folder itself. When that fails, as on a full disk, a broken version
    stays behind, which every server that watches tries to load.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Pushes the model if it is blessed; arguments as for TFX's executor, to a file system."""
        key = standard_component_specs.PUSH_DESTINATION_KEY
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties[key], destination)
        base = destination.filesystem.base_directory
        aside = os.path.join(base, _ASIDE)
        destination.filesystem.base_directory = aside
        try:
            super().Do(input_dict, output_dict, exec_properties | {key: proto_utils.proto_to_json(destination)})
            pushed = artifact_utils.get_single_instance(output_dict[standard_component_specs.PUSHED_MODEL_KEY])
            if version := pushed.get_string_custom_property("pushed_version"):
                final = os.path.join(base, version)
                fileio.rename(os.path.join(aside, version), final)
                pushed.set_string_custom_property("pushed_destination", final)
        finally:
            if fileio.exists(aside):
                fileio.rmtree(aside)
