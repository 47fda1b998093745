"""The baseline where no metadata store can be asked: the newest version that was pushed."""

import os

from absl import logging
from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types import standard_artifacts
from tfx.utils import io_utils, path_utils

from components.baseline.absence import ABSENT


def newest_version(base: str) -> str | None:
    """The number of the newest version that is whole.

    Args:
        base: the folder or the bucket's address that versions are pushed to; it may not be there yet.
    """
    names = [name.rstrip("/") for name in fileio.listdir(base)] if fileio.isdir(base) else []
    versions = [name for name in names if name.isdecimal()]
    whole = [name for name in versions if fileio.exists(os.path.join(base, name, "saved_model.pb"))]
    return max(whole, key=int, default=None)


@component
def PushedModel(
    base: Parameter[str],
    model: OutputArtifact[standard_artifacts.Model],
) -> None:
    """Outputs the model that servers answer with now, which is the last one that was blessed.

    A version that was rolled back by deleting it is no baseline any more.

    Args:
        base: where versions are pushed to.
        model: a copy of the newest version, with its number as the property `pushed_version`; or, before the first
            push, an empty folder and the property `ABSENT`, since Kubeflow Pipelines knows no output without artefacts.
    """
    version = newest_version(base)
    fileio.makedirs(model.uri)
    if version is None:
        logging.info("Nothing was pushed to %s yet, so there is no baseline", base)
        model.set_int_custom_property(ABSENT, 1)
        return
    logging.info("The baseline is version %s of %s", version, base)
    io_utils.copy_dir(os.path.join(base, version), path_utils.serving_model_dir(model.uri))
    model.set_string_custom_property("pushed_version", version)
