"""The ExampleGen of logged requests."""

from tfx.components import FileBasedExampleGen
from tfx.dsl.components.base import executor_spec
from tfx.proto import example_gen_pb2

from components.serving_logs import executor
from components.serving_logs.contract import SPLIT, RequestContract
from components.table_gen.custom_config import pack
from pipeline.config import Config


def serving_logs_gen(config: Config) -> FileBasedExampleGen:
    """The component `ServingGen`, which ingests the folder `data.serving_logs`.

    As for the tables, the stock driver fingerprints the files, so that unchanged logs come from the cache.
    """
    split = example_gen_pb2.SplitConfig.Split(name=SPLIT, hash_buckets=1)
    return FileBasedExampleGen(
        input_base=config.data.serving_logs,
        input_config=example_gen_pb2.Input(splits=[example_gen_pb2.Input.Split(name=SPLIT, pattern="*.parquet")]),
        output_config=example_gen_pb2.Output(split_config=example_gen_pb2.SplitConfig(splits=[split])),
        custom_config=pack(RequestContract.of(config)),
        output_data_format=example_gen_pb2.FORMAT_PARQUET,
        output_file_format=example_gen_pb2.FILE_FORMAT_PARQUET,
        custom_executor_spec=executor_spec.BeamExecutorSpec(executor.Executor),
    ).with_id("ServingGen")
