"""The search for better values, by TFX's Tuner, and the training that uses them, by TFX's Trainer."""

import keras_tuner
import pytest
import tensorflow as tf
from tiny_search import GOOD, Search

from components.tuner.executor import TRIALS
from models.settings import TrainerSettings
from pipeline.page import curves


def losses_of(search: Search, trial: dict) -> list[float]:
    """The ranking losses in validation that TensorBoard shows of a trial."""
    found = {curve.name: curve for curve in curves.read(search.results_dir / TRIALS / trial["trial_id"])}
    return [loss for _, loss in found["ranking_loss"].points["validation"]]


def test_the_trial_that_ranks_best_in_validation_wins(search):
    assert len(search.trials) == 3
    assert [trial["score"] for trial in search.trials] == sorted(trial["score"] for trial in search.trials)
    assert search.trials[0]["training.learning_rate"] == GOOD
    for trial in search.trials:
        assert min(losses_of(search, trial)) == pytest.approx(trial["score"])


def test_an_interrupted_search_goes_on_after_its_last_trial_and_each_trial_is_one_line(search):
    lines = [[text for text in run if text.startswith(("trial ", "best trial"))] for run in search.messages]
    assert [[line.split(":")[0] for line in run] for run in lines] == [
        ["trial 1 of 3", "trial 2 of 3"],
        ["trial 3 of 3", f"best trial, number {int(search.trials[0]['trial_id']) + 1}"],
    ]
    best = search.trials[0]
    values = f"training.learning_rate {GOOD}, model.embedding_dim {best['model.embedding_dim']}"
    assert lines[1][1].endswith(f": ranking loss {best['score']:.4f}, {values}")
    assert {trial["trial_id"]: len(losses_of(search, trial)) for trial in search.trials} == {
        "0": 1,
        "1": 1,  # of what ran before the interruption, what it came to
        "2": 2,
    }


def test_the_training_uses_the_values_of_the_best_trial(search):
    search.train()
    found = {curve.name: curve for curve in curves.read(search.folder / "model_run")}
    assert [rate for _, rate in found["learning_rate"].points["train"]] == pytest.approx([GOOD])
    variables = tf.train.load_checkpoint(str(search.folder / "model/Format-Serving/variables/variables"))
    shapes = [shape for shape in variables.get_variable_to_shape_map().values() if shape[:1] == [31]]
    assert [31, search.trials[0]["model.embedding_dim"]] in shapes  # the catalogue, with the unknown item
    assert list((search.folder / "checkpoints").iterdir()) == []


def test_a_trial_warms_up_for_the_share_of_its_steps_that_the_training_would(shop, tmp_path):
    search = Search(shop, tmp_path, training={"epochs": 5, "warmup_steps": 12}, trials=1)  # three steps an epoch
    search.run()
    (trial,) = search.trials
    found = {curve.name: curve for curve in curves.read(search.results_dir / TRIALS / trial["trial_id"])}
    highest = trial["training.learning_rate"]  # reached in the fourth of the two epochs' six steps
    assert [rate for _, rate in found["learning_rate"].points["train"]] == pytest.approx([0.75 * highest, highest])


def test_a_search_needs_someone_held_out(shop, tmp_path):
    examples = tmp_path / "examples"
    (examples / "Split-validation").mkdir(parents=True)
    tf.io.TFRecordWriter(str(examples / "Split-validation" / "empty.gz"), "GZIP").close()
    for split in ("train", "catalog", "users"):
        (examples / f"Split-{split}").symlink_to(shop.examples_dir / f"Split-{split}")
    search = Search(shop, tmp_path, examples, trials=1)
    with pytest.raises(keras_tuner.errors.FatalValueError, match=r"raise requests\.validation_share"):
        search.run()


def test_values_replace_those_of_the_settings_and_are_checked(shop):
    settings = TrainerSettings.of(shop.config)
    changed = settings.with_values({"model.embedding_dim": 4, "training.learning_rate": 0.5})
    assert (changed.model.embedding_dim, changed.training.learning_rate) == (4, 0.5)
    assert changed.model.heads == settings.model.heads
    with pytest.raises(ValueError, match="embedding_dim"):
        settings.with_values({"model.embedding_dim": 3})
