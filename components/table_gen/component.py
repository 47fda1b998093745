"""The ExampleGen of a table."""

import os

from google.protobuf import any_pb2, wrappers_pb2
from tfx.components import FileBasedExampleGen
from tfx.dsl.components.base import executor_spec
from tfx.proto import example_gen_pb2

from components.table_gen import executor
from components.table_gen.contract import Contract, Table, contract_of
from components.table_gen.read import SPLIT
from pipeline import config as config_lib


def table_gen(table: Table, config: config_lib.Config) -> FileBasedExampleGen:
    """The component that ingests a table: `EventsGen`, `ItemsGen` or `UsersGen`.

    The contract travels in `custom_config`, and the stock driver fingerprints the files, so that a run takes the cached
    result until the files or something configured about this table change.

    Raises:
        ConfigError: what the configuration says about the table's columns contradicts itself.
    """
    contract = contract_of(table, config)
    pattern = "span-*/*.parquet" if contract.has_spans else "*.parquet"
    return FileBasedExampleGen(
        input_base=os.path.join(config.data.root, table),
        input_config=example_gen_pb2.Input(splits=[example_gen_pb2.Input.Split(name=SPLIT, pattern=pattern)]),
        output_config=example_gen_pb2.Output(
            split_config=example_gen_pb2.SplitConfig(
                splits=[example_gen_pb2.SplitConfig.Split(name=SPLIT, hash_buckets=1)]
            )
        ),
        custom_config=pack(contract),
        output_data_format=example_gen_pb2.FORMAT_PARQUET,
        output_file_format=example_gen_pb2.FILE_FORMAT_PARQUET,
        custom_executor_spec=executor_spec.BeamExecutorSpec(executor.Executor),
    ).with_id(f"{table.capitalize()}Gen")


def pack(contract: Contract) -> example_gen_pb2.CustomConfig:
    """The contract as an execution property, from which `executor.contract_in` takes it."""
    packed = any_pb2.Any()
    packed.Pack(wrappers_pb2.StringValue(value=contract.model_dump_json()))
    return example_gen_pb2.CustomConfig(custom_config=packed)
