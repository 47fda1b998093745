"""Ingests logged requests: Parquet in, Parquet in list layout out."""

import os
from typing import Any

import apache_beam as beam
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_component_specs

from components.serving_logs.contract import SPLIT, RequestContract
from components.serving_logs.read import LogError, read
from components.table_gen.custom_config import unpack
from components.table_gen.source import parquet_files


class Executor(base_beam_executor.BaseBeamExecutor):
    """Reads logged requests into the split `serving`, which StatisticsGen reads as it is."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Ingests the requests.

        Args:
            input_dict: nothing.
            output_dict: `examples`, one Examples artifact.
            exec_properties: `input_base`, the folder of the files; `custom_config`, a `RequestContract` as JSON.

        Raises:
            LogError: there are no files, or one cannot be read as requests.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        contract = RequestContract.model_validate_json(unpack(exec_properties))
        folder = exec_properties[standard_component_specs.INPUT_BASE_KEY]
        paths = parquet_files(folder)
        if not paths:
            raise LogError(f"{folder} holds no *.parquet files; check data.serving_logs, or leave it out")
        examples = artifact_utils.get_single_instance(output_dict[standard_component_specs.EXAMPLES_KEY])
        examples.split_names = artifact_utils.encode_split_names([SPLIT])
        prefix = os.path.join(artifact_utils.get_split_uri([examples], SPLIT), "requests")
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "Files" >> beam.Create(paths)
                | "Spread" >> beam.Reshuffle()
                | "Read" >> beam.FlatMap(read, contract)
                | "Write"
                >> beam.io.WriteToParquetBatched(prefix, contract.schema, codec="zstd", file_name_suffix=".parquet")
            )
        examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_PARQUET)
        examples_utils.set_file_format(examples, example_gen_pb2.FileFormat.Name(example_gen_pb2.FILE_FORMAT_PARQUET))
