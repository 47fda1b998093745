"""A training that is killed ends, once it is run again, as if nothing had happened."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import interrupted_training
import numpy as np
import pytest
import tiny_pipeline

from models import checkpoint, trainer
from models.joint_model import JointModel
from pipeline.page import curves

HERE = pathlib.Path(__file__).parent
# 40 requests in batches of 16 are three steps an epoch.
TRAINING = {"epochs": 4, "batch_size": 16, "checkpoint_seconds": 0, "early_stopping_patience": 2}


class Interrupted(Exception):
    """Stands for whatever ends a process."""


def interrupt_before(step: int):
    def before(number: int) -> None:
        if number == step:
            raise Interrupted

    return before


def assert_same(first: JointModel, second: JointModel) -> None:
    assert len(first.weights) == len(second.weights) > 40
    for one, other in zip(first.weights, second.weights, strict=True):
        np.testing.assert_allclose(other.numpy(), one.numpy(), rtol=1e-6, atol=1e-7, err_msg=one.name)


def goes_on_at(messages: list[str]) -> list[str]:
    return [message.split("goes on at ")[1] for message in messages if "goes on at " in message]


def kill_before(step: int, shop, text_modules, folder: pathlib.Path) -> None:
    """Starts the training in a process of its own, and kills it before a step."""
    folders = [text_modules, shop.graph_dir, shop.examples_dir, folder / "checkpoints", folder / "killed"]
    command = [sys.executable, HERE / "interrupted_training.py", *folders, json.dumps(TRAINING), step]
    with open(folder / "errors.txt", "w+") as errors:
        process = subprocess.Popen(
            list(map(str, command)),
            env=os.environ | {"PYTHONPATH": f"{HERE.parents[1]}:{HERE}"},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            paused = process.stdout.readline()
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        errors.seek(0)
        assert paused == "pause\n", errors.read()[-3000:]


def test_a_training_killed_twice_ends_with_the_weights_that_it_would_have_had(shop, text_modules, tmp_path, caplog):
    kill_before(4, shop, text_modules, tmp_path)  # between the first epoch and the second
    kill_before(11, shop, text_modules, tmp_path)  # in the last, when early stopping knows which was best so far
    with caplog.at_level("INFO", logger="absl"):
        resumed = interrupted_training.train(shop, TRAINING, tmp_path / "resumed", tmp_path / "checkpoints")
    assert goes_on_at(caplog.messages) == ["epoch 4, step 2"]
    undisturbed = interrupted_training.train(shop, TRAINING, tmp_path / "undisturbed", None)
    assert_same(undisturbed, resumed)

    first, second = (
        {curve.name: curve.points for curve in curves.read(tmp_path / folder / "run")}
        for folder in ("undisturbed", "resumed")
    )
    assert first.keys() == second.keys() >= {"joint_loss", "ranking_loss", "learning_rate"}
    for name, points in first.items():
        for split in points:
            assert len(points[split]) == 4
            np.testing.assert_allclose(second[name][split], points[split], rtol=1e-5, err_msg=f"{name} {split}")


def test_early_stopping_that_was_interrupted_stops_at_the_same_epoch(shop, tmp_path, caplog):
    values = TRAINING | {"epochs": 12, "learning_rate": 0.2, "early_stopping_patience": 1}
    with caplog.at_level("INFO", logger="absl"):
        undisturbed = interrupted_training.train(shop, values, tmp_path, None)
    epochs = [message for message in caplog.messages if " of 12: " in message]
    assert 3 <= len(epochs) < 12
    before_the_end = interrupt_before(3 * len(epochs) - 1)
    with pytest.raises(Interrupted):
        interrupted_training.train(shop, values, tmp_path, tmp_path / "checkpoints", before_the_end)
    assert_same(undisturbed, interrupted_training.train(shop, values, tmp_path, tmp_path / "checkpoints"))
    # What is done is not done again: this only takes the weights of the best epoch.
    assert_same(
        undisturbed,
        interrupted_training.train(shop, values, tmp_path, tmp_path / "checkpoints", interrupt_before(1)),
    )


def test_an_exported_model_leaves_no_checkpoint(shop, tmp_path, monkeypatch):
    root = tmp_path / "checkpoints"
    (root / "training-0123456789abcdef").mkdir(parents=True)  # given up
    (root / "photos").mkdir()
    settings = tiny_pipeline.change(shop.settings, training={"epochs": 1, "checkpoint_seconds": 0})
    args = tiny_pipeline.trainer_args(shop, settings, tmp_path, root)
    seen = []
    discard = checkpoint.discard

    def look(folder: str) -> None:
        exported = pathlib.Path(args.serving_model_dir, "saved_model.pb").exists()
        seen.append((exported, len(list(root.glob("*/checkpoint")))))
        discard(folder)

    monkeypatch.setattr(checkpoint, "discard", look)
    trainer.run_fn(args)
    assert seen == [(True, 1)]
    assert [path.name for path in root.iterdir()] == ["photos"]


def test_what_decides_a_training_decides_where_its_checkpoints_are(tmp_path):
    file = tmp_path / "examples.gz"
    file.write_bytes(b"one")
    os.utime(file, (0, 0))

    def folder(seed: int = 1) -> str:
        return checkpoint.folder_of("root", [str(tmp_path / "*")], {"seed": seed})

    first = folder()
    assert re.fullmatch(r"root/training-[0-9a-f]{16}", first)
    assert folder() == first
    assert folder(seed=2) != first
    os.utime(file, (0, 5))
    assert folder() != first


def test_a_checkpoint_that_cannot_be_read_is_named_with_what_to_do(shop, tmp_path):
    with pytest.raises(Interrupted):
        interrupted_training.train(shop, TRAINING, tmp_path, tmp_path / "checkpoints", interrupt_before(3))
    (data,) = tmp_path.glob("checkpoints/*/*.data-*")
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(RuntimeError, match=f"cannot be read; remove {data.parent} to train from the beginning"):
        interrupted_training.train(shop, TRAINING, tmp_path, tmp_path / "checkpoints")
