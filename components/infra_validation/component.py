"""The component between Evaluator and Pusher: a model that is good, but would take a server down, is not pushed.

TFX has an InfraValidator of its own, which is not used: it starts TensorFlow Serving in Docker or on Kubernetes and
nowhere else, Kubeflow's runner refuses it, its requests go to a single signature of batch size 1, and its verdict comes
without a reason; neither answers, latency nor memory are looked at. What it gives is kept: an InfraBlessing, which the
stock Pusher obeys. Any server that takes TensorFlow Serving's flags can validate (`serving.validation_server`).
"""

import os
import pathlib
import tempfile

from absl import logging
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.io import fileio
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from components.infra_validation import questions as questions_lib
from components.infra_validation import report as report_lib
from components.infra_validation.settings import Settings
from components.infra_validation.validation import validate

_FILES = {True: "INFRA_BLESSED", False: "INFRA_NOT_BLESSED"}  # beside the property, as TFX's own component leaves them


@component
def InfraValidator(
    model: InputArtifact[standard_artifacts.Model],
    examples: InputArtifact[standard_artifacts.Examples],
    settings: Parameter[str],
    blessing: OutputArtifact[standard_artifacts.InfraBlessing],
) -> None:
    """Blesses a model that a server process loads and answers real requests with, within the limits.

    Args:
        model: the candidate.
        examples: request examples, with the splits `eval` and `catalog`.
        settings: a `Settings` as JSON.
        blessing: gets the property `blessed`, `report.json` and the server's log.
    """
    limits = Settings.model_validate_json(settings)
    catalogue = questions_lib.read_catalogue(examples.uri, limits)
    fileio.makedirs(blessing.uri)
    with tempfile.TemporaryDirectory() as folder:  # the blessing may be in a bucket, where no process can write its log
        log = pathlib.Path(folder, report_lib.LOG)
        questions = questions_lib.questions(examples.uri, catalogue, limits)
        report = validate(path_utils.serving_model_path(model.uri), questions, catalogue.offered, limits, log)
        fileio.copy(str(log), os.path.join(blessing.uri, report_lib.LOG), overwrite=True)
    logging.info("The candidate in a server: %s", report_lib.describe(report))
    for name, text in ((_FILES[report.blessed], ""), (report_lib.FILE, report.model_dump_json(indent=2) + "\n")):
        with fileio.open(os.path.join(blessing.uri, name), "w") as file:
            file.write(text)
    blessing.set_int_custom_property("blessed", int(report.blessed))
