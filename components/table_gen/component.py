"""The ExampleGen of a table."""

import os

from tfx.components import FileBasedExampleGen
from tfx.dsl.components.base import executor_spec
from tfx.proto import example_gen_pb2

from components.table_gen import executor
from components.table_gen.contract import Table, contract_of
from components.table_gen.custom_config import pack
from components.table_gen.driver import SpansDriver
from components.table_gen.read import ALL
from pipeline import config as config_lib


def table_gen(table: Table, config: config_lib.Config) -> FileBasedExampleGen:
    """The component that ingests a table: `EventsGen`, `ItemsGen` or `UsersGen`.

    The contract travels in `custom_config`, and the driver fingerprints the files that are read, so that a run takes
    the cached result until they or something configured about this table change.

    Raises:
        ConfigError: what the configuration says about the table's columns contradicts itself.
    """
    contract = contract_of(table, config)
    # One input and output as far as the stock driver is concerned; the executor names its splits itself.
    pattern = "span-*/*.parquet" if contract.has_spans else "*.parquet"
    component = FileBasedExampleGen(
        input_base=os.path.join(config.data.root, table),
        input_config=example_gen_pb2.Input(splits=[example_gen_pb2.Input.Split(name=ALL, pattern=pattern)]),
        output_config=example_gen_pb2.Output(
            split_config=example_gen_pb2.SplitConfig(
                splits=[example_gen_pb2.SplitConfig.Split(name=ALL, hash_buckets=1)]
            )
        ),
        custom_config=pack(contract),
        output_data_format=example_gen_pb2.FORMAT_PARQUET,
        output_file_format=example_gen_pb2.FILE_FORMAT_PARQUET,
        custom_executor_spec=executor_spec.BeamExecutorSpec(executor.Executor),
    ).with_id(f"{table.capitalize()}Gen")
    if contract.last_span is not None:  # otherwise every file there is counts, as in the stock driver
        component.driver_class = SpansDriver
    return component
