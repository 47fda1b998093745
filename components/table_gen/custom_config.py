"""How a contract travels in the execution properties of an ExampleGen, which caching compares."""

from typing import Any

import pydantic
from google.protobuf import any_pb2, wrappers_pb2
from tfx.proto import example_gen_pb2
from tfx.types import standard_component_specs
from tfx.utils import proto_utils


def pack(contract: pydantic.BaseModel) -> example_gen_pb2.CustomConfig:
    """A contract as an execution property, from which `unpack` takes it."""
    packed = any_pb2.Any()
    packed.Pack(wrappers_pb2.StringValue(value=contract.model_dump_json()))
    return example_gen_pb2.CustomConfig(custom_config=packed)


def unpack(exec_properties: dict[str, Any]) -> str:
    """The JSON of the contract that `pack` put into the execution properties."""
    custom_config = example_gen_pb2.CustomConfig()
    proto_utils.json_to_proto(exec_properties[standard_component_specs.CUSTOM_CONFIG_KEY], custom_config)
    text = wrappers_pb2.StringValue()
    custom_config.custom_config.Unpack(text)
    return text.value
