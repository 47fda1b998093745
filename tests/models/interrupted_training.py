"""Trainings of the tiny shop that can be interrupted before a step, from within or by who kills the process."""

import json
import pathlib
import sys
import time
from collections.abc import Callable

import pytest
import tensorflow as tf
import tiny_pipeline
import tiny_shop
from absl import logging

from models import trainer
from models.dataset import catalogue
from models.joint_model import JointModel
from models.text.encoder import TextEncoder


def train(
    shop: tiny_pipeline.Transformed,
    training: dict,
    folder: pathlib.Path,
    checkpoints: pathlib.Path | None,
    before_step: Callable[[int], None] = lambda step: None,
) -> JointModel:
    """Trains and gives the model.

    Args:
        shop: the tiny shop.
        training: values of its section that are replaced.
        folder: the curves are written to `folder/run`.
        checkpoints: see `pipeline.config.Config.checkpoint_dir`.
        before_step: called before each step with its number over all epochs, from 1.
    """
    settings = tiny_pipeline.change(shop.settings, training=training)
    tf.keras.utils.set_random_seed(settings.training.seed)
    items = catalogue(shop.files("catalog"), shop.graph, settings)
    model = trainer.build(settings, shop.graph, items, TextEncoder(**settings.model.text.model_dump()))
    make_train_function = JointModel.make_train_function

    def interruptible(model: JointModel) -> Callable:
        take_step = make_train_function(model)

        def step(batches):
            before_step(int(model.optimizer.iterations) + 1)
            return take_step(batches)

        return step

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JointModel, "make_train_function", interruptible)
        args = tiny_pipeline.trainer_args(shop, settings, folder, checkpoints)
        trainer.fit(model, args, shop.graph, settings)
    return model


def main() -> None:
    """Trains until a step, then says `pause` and waits to be killed.

    Arguments: TEXTS GRAPH EXAMPLES CHECKPOINTS OUT TRAINING STEP.
    """

    def pause(step: int) -> None:
        if step == int(sys.argv[7]):
            print("pause", flush=True)
            time.sleep(600)

    texts, graph_dir, examples, checkpoints, out = map(pathlib.Path, sys.argv[1:6])
    logging.set_verbosity(logging.INFO)
    shop = tiny_pipeline.Transformed(tiny_shop.config(texts), str(graph_dir), examples)
    train(shop, json.loads(sys.argv[6]), out, checkpoints, pause)


if __name__ == "__main__":
    main()
