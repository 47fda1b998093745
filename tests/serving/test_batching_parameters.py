"""The file of --batching_parameters_file."""

import pytest

from serving import batching_parameters, text_proto
from serving.batching_parameters import BatchingParameters


@pytest.fixture
def parameters_file(tmp_path):
    """Writes a parameters file; gives its path."""

    def write(text: str):
        path = tmp_path / "batching_parameters.txt"
        path.write_text(text)
        return path

    return write


def test_every_parameter_is_read_as_tensorflow_serving_spells_it(parameters_file):
    path = parameters_file(
        """
        max_batch_size { value: 32 }
        batch_timeout_micros { value: 2000 }
        max_enqueued_batches { value: 100 }
        num_batch_threads { value: 3 }
        thread_pool_name { value: "shop" }
        allowed_batch_sizes: 8
        allowed_batch_sizes: 32
        pad_variable_length_inputs: true
        enable_large_batch_splitting { value: true }
        max_execution_batch_size { value: 16 }
        """
    )
    assert batching_parameters.read(path) == BatchingParameters(
        max_batch_size=32,
        batch_timeout_micros=2000,
        max_enqueued_batches=100,
        num_batch_threads=3,
        thread_pool_name="shop",
        allowed_batch_sizes=(8, 32),
        pad_variable_length_inputs=True,
        enable_large_batch_splitting=True,
        max_execution_batch_size=16,
    )


def test_an_empty_file_gives_the_defaults_of_tensorflow_serving(parameters_file):
    read = batching_parameters.read(parameters_file(""))
    assert (read.max_batch_size, read.batch_timeout_micros, read.max_enqueued_batches) == (1000, 0, 10)
    assert read.num_batch_threads >= 1
    assert read.allowed_batch_sizes == ()
    assert not read.pad_variable_length_inputs
    assert not read.enable_large_batch_splitting


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("max_batch_size: 32", "max_batch_size"),  # a wrapped value needs { value: 32 }
        ("max_batchsize { value: 32 }", "max_batchsize"),
        ("max_batch_size { value: 0 }", "max_batch_size must be positive; was 0"),
        ("num_batch_threads { value: -1 }", "num_batch_threads must be positive; was -1"),
        ("max_enqueued_batches { value: 0 }", "max_enqueued_batches must be positive; was 0"),
        ("batch_timeout_micros { value: -5 }", "batch_timeout_micros must be non-negative; was -5"),
        (
            "max_batch_size { value: 32 } allowed_batch_sizes: 16",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 16; expected 32",
        ),
        (
            "max_batch_size { value: 32 } allowed_batch_sizes: [16, 8, 32]",
            "allowed_batch_sizes must be positive and ascending",
        ),
        ("max_execution_batch_size { value: 8 }", "max_execution_batch_size needs enable_large_batch_splitting"),
        (
            "max_batch_size { value: 4 } enable_large_batch_splitting { value: true } "
            "max_execution_batch_size { value: 8 }",
            "max_execution_batch_size must be at least 1 and at most max_batch_size, which is 4; was 8",
        ),
    ],
)
def test_a_mistake_is_reported_with_its_file_and_field(parameters_file, text, complaint):
    path = parameters_file(text)
    with pytest.raises(text_proto.ConfigFileError) as caught:
        batching_parameters.read(path)
    assert str(path) in str(caught.value)
    assert complaint in str(caught.value)


def test_batches_are_padded_to_the_next_allowed_size():
    parameters = BatchingParameters(max_batch_size=32, allowed_batch_sizes=(1, 8, 32))
    assert [parameters.padded_size(rows) for rows in (1, 2, 8, 9, 32)] == [1, 8, 8, 32, 32]
    assert BatchingParameters().padded_size(7) == 7
