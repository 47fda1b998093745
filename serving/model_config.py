"""ModelServerConfig: which models are served from where, by which version policy and under which labels.

The checks and texts are those of TensorFlow Serving 2.19 (`server_core.cc`, `server_request_logger.cc`).
"""

import pathlib

import grpc
from tensorflow_serving.config import model_server_config_pb2

from serving import text_proto
from serving.status import StatusError

ModelServerConfig = model_server_config_pb2.ModelServerConfig
ModelConfig = model_server_config_pb2.ModelConfig

_PLATFORM = "tensorflow"


def read(path: str | pathlib.Path) -> ModelServerConfig:
    """Reads a `--model_config_file`.

    Raises:
        OSError: it cannot be read.
        ConfigFileError: it is no ModelServerConfig in protobuf's text format; the message names line and field.
    """
    return text_proto.read(path, ModelServerConfig)


def single(model_name: str, base_path: str | pathlib.Path) -> ModelServerConfig:
    """The configuration that `--model_name` and `--model_base_path` stand for; a relative path becomes absolute."""
    config = ModelServerConfig()
    config.model_config_list.config.add(
        name=model_name, base_path=str(pathlib.Path(base_path).absolute()), model_platform=_PLATFORM
    )
    return config


def check(config: ModelServerConfig, current: ModelServerConfig | None = None) -> None:
    """Checks what can be told without looking at the models themselves.

    Args:
        config: what is asked for.
        current: what is in force, if there is any.

    Raises:
        StatusError: INVALID_ARGUMENT; the message names the model.
    """
    served = {model.name for model in current.model_config_list.config} if current else set()
    if config.WhichOneof("config") == "custom_model_config":
        raise _invalid("ModelServer does not yet support custom model config.")
    names = set()
    for model in config.model_config_list.config:
        if model.name in names:
            raise _invalid(f"Illegal to list model {model.name} multiple times in config list")
        names.add(model.name)
        _check_place(model)
    for model in config.model_config_list.config:
        _check_platform(model, model.name in served)
        if model.HasField("logging_config"):
            raise _invalid("No request-logger-creator provided.")


def _check_place(model: ModelConfig) -> None:
    if not model.name:
        raise _invalid(f"Illegal to list a model without a name; its base_path()={model.base_path}")
    if "://" in model.base_path:
        raise _invalid(
            f"Model {model.name} is at {model.base_path}, but this server reads local folders only: "
            "mount or copy it, or serve it with TensorFlow Serving"
        )
    if not pathlib.PurePath(model.base_path).is_absolute():
        raise _invalid(
            f"Expected model {model.name} to have an absolute path or URI; got base_path()={model.base_path}"
        )


def _check_platform(model: ModelConfig, served: bool) -> None:
    platform = _platform(model)
    if platform != _PLATFORM and served:
        raise _invalid(
            f"Illegal to change a model's platform. For model {model.name} platform was {_PLATFORM} "
            f"and new platform requested is {platform}"
        )
    if platform != _PLATFORM:
        raise _invalid(f"Model {model.name} requests unsupported platform {platform}")


def _platform(model: ModelConfig) -> str:
    """The platform, also if it is given by the deprecated enum."""
    if model.model_type == model_server_config_pb2.MODEL_TYPE_UNSPECIFIED:
        if not model.model_platform:
            raise _invalid(
                "Illegal setting neither ModelServerConfig::model_type (deprecated) "
                "nor ModelServerConfig::model_platform."
            )
        return model.model_platform
    if model.model_platform:
        raise _invalid(
            "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform."
        )
    if model.model_type != model_server_config_pb2.TENSORFLOW:
        raise _invalid(f"ModelServerConfig::model_type choice {model.model_type} not supported.")
    return _PLATFORM


def _invalid(message: str) -> StatusError:
    return StatusError(grpc.StatusCode.INVALID_ARGUMENT, message)
