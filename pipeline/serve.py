"""How `shelfwise serve` starts the embedded server: by TensorFlow Serving's flags, as anybody else does."""

import pathlib
from collections.abc import Sequence

from pipeline.config import Config
from pipeline.run_record import NoRun
from serving import flags
from serving.options import Options


def model_config_file(config: Config) -> pathlib.Path:
    """The model config file of a shop, which `shelfwise promote` writes; without labels there is none."""
    return config.run_dir / "models.config"


def options(config: Config, port: int, host: str, further: Sequence[str]) -> Options:
    """What the server of a shop is told.

    Args:
        config: whose pushed versions are served.
        port: gRPC port; 0 takes a free one.
        host: interface to listen on.
        further: flags of TensorFlow Serving, which take the place of what would be told otherwise. A mistake in them
            ends the process, as `serving.flags.parse` says.

    Raises:
        ConfigError: versions are pushed to a bucket.
        NoRun: none has been pushed yet.
    """
    if not config.serving_dir.is_dir():
        raise NoRun(f"nothing has been pushed to {config.serving_dir} yet: `shelfwise run` comes first")
    told = [f"--port={port}", f"--host={host}"]
    told += [f"--model_name={config.serving.model_name}", f"--model_base_path={config.serving_dir}"]
    if (file := model_config_file(config)).exists():
        # When a server starts, the labels in the file name versions that are not loaded yet.
        told += [f"--model_config_file={file}", "--allow_version_labels_for_unavailable_models"]
    return flags.parse([*told, *further])
