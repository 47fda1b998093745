"""What the options make of sessions, batching and warm-up when a version is loaded."""

import pathlib

import pytest
import tensorflow as tf

from serving.loading import session_config
from serving.options import Options


def _config(**values) -> tf.compat.v1.ConfigProto:
    return session_config(Options(model_base_path="/models/shop", **values))


def _threads(config: tf.compat.v1.ConfigProto) -> tuple[int, int]:
    return config.intra_op_parallelism_threads, config.inter_op_parallelism_threads


def test_tensorflow_chooses_its_threads_unless_it_is_told():
    assert _threads(_config()) == (0, 0)


def test_session_parallelism_sets_both_kinds_of_threads():
    assert _threads(_config(tensorflow_session_parallelism=3)) == (3, 3)


def test_each_kind_of_threads_can_be_set_alone():
    assert _threads(_config(tensorflow_intra_op_parallelism=2)) == (2, 0)
    assert _threads(_config(tensorflow_inter_op_parallelism=4)) == (0, 4)


def test_flags_go_before_the_session_config_file(tmp_path: pathlib.Path):
    file = tmp_path / "session.pbtxt"
    file.write_text("intra_op_parallelism_threads: 5 inter_op_parallelism_threads: 6 allow_soft_placement: true")
    config = _config(tensorflow_session_config_file=str(file), tensorflow_inter_op_parallelism=1)
    assert _threads(config) == (5, 1)
    assert config.allow_soft_placement


def test_a_share_of_the_gpus_memory_is_passed_on():
    assert _config(per_process_gpu_memory_fraction=0.5).gpu_options.per_process_gpu_memory_fraction == 0.5


def test_a_session_config_file_with_a_mistake_is_named(tmp_path: pathlib.Path):
    file = tmp_path / "session.pbtxt"
    file.write_text("threads: 5")
    with pytest.raises(ValueError, match=r'session\.pbtxt is not a ConfigProto .* no field named "threads"'):
        _config(tensorflow_session_config_file=str(file))
