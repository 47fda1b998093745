"""Version labels of a shop's served model: which version is `stable`, which one is tried as `canary`.

Labels stand in a model config file of TensorFlow Serving: a deployment's own, or that of `shelfwise serve`, which the
first promotion writes and every server that is started later reads. With it a server keeps the two newest versions, so
that there is one to promote from and one to promote to; the third push unloads the oldest, whatever its labels.
"""

import pathlib

from google.protobuf import text_format

from pipeline.config import Config
from pipeline.serve import model_config_file
from serving import model_config, promotion
from serving.promotion import Move, PromotionError, Server, UnconfirmedError

_VERSIONS = 2


def promote(config: Config, version: int, label: str, server: Server, models_config: pathlib.Path | None) -> Move:
    """Points a label at a version.

    Args:
        config: whose model.
        version: a version that the server has AVAILABLE.
        label: what requests ask for.
        server: the server to ask and to tell.
        models_config: the model config file of a deployment; None for that of `shelfwise serve`.

    Raises:
        PromotionError: the server is not reached, or refuses.
        UnconfirmedError: the server did not answer; the file has the label moved.
        OSError: the model config file cannot be written.
    """
    file = models_config or model_config_file(config)
    is_first = models_config is None and not file.exists()
    if is_first:
        _write(file, config)
    try:
        return promotion.promote(file, config.serving.model_name, version, label, server)
    except UnconfirmedError:  # the file may be in force
        raise
    except BaseException:
        if is_first:
            file.unlink()
        raise


def rollback(config: Config, label: str, server: Server, models_config: pathlib.Path | None) -> Move:
    """Points a label back at the version that it was promoted from; arguments and errors as `promote`."""
    file = models_config or model_config_file(config)
    if not file.exists():
        raise PromotionError(f"no label of {config.name} was ever set in {file}; `shelfwise promote` comes first")
    return promotion.rollback(file, config.serving.model_name, label, server)


def _write(file: pathlib.Path, config: Config) -> None:
    models = model_config.single(config.serving.model_name, config.serving_dir)
    models.model_config_list.config[0].model_version_policy.latest.num_versions = _VERSIONS
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f".{file.name}")
    aside.write_text(text_format.MessageToString(models), encoding="utf-8")
    aside.rename(file)
