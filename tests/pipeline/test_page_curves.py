import pytest
import tensorflow as tf

from pipeline.page import curves


def _log(folder, **points):
    with tf.summary.create_file_writer(str(folder)).as_default():
        for tag, values in points.items():
            for step, value in enumerate(values):
                tf.summary.scalar(tag, value, step)


def test_what_was_logged_once_an_epoch_is_a_curve_with_a_line_for_each_split(tmp_path):
    _log(tmp_path / "train", epoch_loss=[3.0, 2.0, 1.5], batch_loss=[9.0])
    _log(tmp_path / "validation", epoch_loss=[3.5, 2.5], evaluation_loss_vs_iterations=[3.5], epoch_auc=[0.75])
    auc, loss = curves.read(str(tmp_path))
    assert (auc.name, auc.points) == ("auc", {"validation": [(1, 0.75)]})
    assert (loss.name, list(loss.points)) == ("loss", ["train", "validation"])
    assert loss.points["train"] == [(1, 3.0), (2, 2.0), (3, 1.5)]
    assert loss.points["validation"] == [(1, 3.5), (2, 2.5)]


def test_every_epoch_of_a_long_training_is_kept(tmp_path):
    _log(tmp_path / "train", epoch_loss=[float(epoch) for epoch in range(50)])
    [loss] = curves.read(str(tmp_path))
    assert loss.points["train"] == [(epoch + 1, float(epoch)) for epoch in range(50)]


@pytest.mark.parametrize("folders", [[], ["train"]])
def test_a_training_that_logged_nothing_has_no_curves(tmp_path, folders):
    for folder in folders:
        (tmp_path / folder).mkdir()
    assert curves.read(str(tmp_path)) == []
