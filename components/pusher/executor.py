"""TFX's Pusher, made atomic."""

import os
import time
from typing import Any

from tfx import types
from tfx.components.pusher import executor
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, proto_utils

from components.pusher.publish import newest_if_same, publish


class Executor(executor.Executor):
    """Pushes a blessed model to a folder or a bucket without ever showing a part of it, and no model twice in a row.

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
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(output_dict[standard_component_specs.PUSHED_MODEL_KEY])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties[standard_component_specs.PUSH_DESTINATION_KEY], destination)
        model = self.GetModelPath(input_dict)
        io_utils.copy_dir(model, pushed.uri)
        base = destination.filesystem.base_directory
        version = newest_if_same(model, base)
        if version is None:
            version = str(int(time.time()))
            publish(model, base, version)
        place = os.path.join(base, version)
        self._MarkPushed(pushed, pushed_destination=place, pushed_version=version)
