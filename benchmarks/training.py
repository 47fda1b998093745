"""Training speed: steps a second on the newest run's transformed examples, as a multiple of reading the batches alone.

python -m benchmarks.training complete_journey
"""

import argparse
import time
from collections.abc import Callable, Iterator

import tensorflow as tf
import tensorflow_transform as tft
from rich.console import Console
from rich.table import Table

from models import dataset, trainer
from models.settings import TrainerSettings
from models.text.encoder import TextEncoder
from pipeline import config as configs
from pipeline.run_record import RunRecord
from schemas.request_example import CATALOG_SPLIT

_WARM_UP_STEPS = 5
_STEPS = 40


def _seconds_a_step(batches: Iterator[dict[str, tf.Tensor]], step: Callable[[dict[str, tf.Tensor]], object]) -> float:
    for _ in range(_WARM_UP_STEPS):
        step(next(batches))
    started = time.monotonic()
    for _ in range(_STEPS):
        step(next(batches))
    return (time.monotonic() - started) / _STEPS


def main() -> None:
    """Prints the table.

    Raises:
        NoRun: the pipeline has not come as far as Transform.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config", nargs="?", default="complete_journey")
    config = configs.load(parser.parse_args().config)
    settings = TrainerSettings.of(config)
    outputs = RunRecord(config).outputs("Transform")
    graph = tft.TFTransformOutput(outputs["transform_graph"].uri)
    examples = outputs["transformed_examples"].uri
    tf.keras.utils.set_random_seed(settings.training.seed)

    names, size = trainer.feature_names(settings), settings.training.batch_size
    batches = dataset.requests([f"{examples}/Split-train/*"], graph, names, size, settings.training.seed).repeat()
    catalogue = dataset.catalogue([f"{examples}/Split-{CATALOG_SPLIT}/*"], graph, settings)
    model = trainer.build(settings, graph, catalogue, TextEncoder(**settings.model.text.model_dump()))
    seconds = {
        name: _seconds_a_step(iter(batches), tf.function(step, input_signature=[batches.element_spec]))
        for name, step in {
            "reading (the floor)": lambda batch: batch,
            "reading and loss": model.compute_loss,
            "reading and training": model.train_step,
        }.items()
    }
    floor = seconds["reading (the floor)"]
    table = Table("step", "steps/s", "requests/s", "times the floor")
    for name, value in seconds.items():
        table.add_row(name, f"{1 / value:.2f}", f"{settings.training.batch_size / value:.0f}", f"{value / floor:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
