"""Reads the training's curves from the TensorBoard events of a model run."""

import pathlib

from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator
from tensorboard.util import tensor_util

from pipeline.page.document import Curve

_PER_EPOCH = "epoch_"  # what Keras' TensorBoard callback puts before quantities that are logged once an epoch
_ALL = 0  # in the accumulator's own terms


def read(model_run_uri: str) -> list[Curve]:
    """What was logged once an epoch, by name; nothing if the run logged nothing.

    Args:
        model_run_uri: folder of a ModelRun artefact, with a folder for each split that was measured on.
    """
    curves: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for folder in sorted(pathlib.Path(model_run_uri).glob("*/")):
        events = EventAccumulator(str(folder), size_guidance={TENSORS: _ALL}).Reload()
        for tag in events.Tags()[TENSORS]:
            if tag.startswith(_PER_EPOCH) and events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
                points = [(event.step + 1, _number(event.tensor_proto)) for event in events.Tensors(tag)]
                curves.setdefault(tag.removeprefix(_PER_EPOCH), {})[folder.name] = points
    return [Curve(name=name, points=points) for name, points in sorted(curves.items())]


def _number(tensor) -> float:
    return float(tensor_util.make_ndarray(tensor))
