"""The learning rate of each step, by hand."""

import pytest

from models.learning_rate import schedule
from pipeline.config import ConfigError
from pipeline.config_training import Training


def rates(steps: list[int], **values) -> list[float]:
    rate = schedule(Training(epochs=2, learning_rate=0.1, **values), steps_an_epoch=5)
    return [float(rate(step)) for step in steps]


def test_a_cosine_falls_to_nothing_at_the_end_by_default():
    # Half of 0.1 after five of the ten steps; after two and a half it would be (1 + cos 45 degrees) / 2 of it.
    assert rates([0, 5, 10]) == pytest.approx([0.1, 0.05, 0.0], abs=1e-8)
    assert rates([2]) == pytest.approx([0.1 * (1 + 0.80901699) / 2], rel=1e-5)  # cos 36 degrees


def test_an_exponential_leaves_a_share_of_the_rate_after_each_epoch():
    assert rates([0, 5, 10], schedule="exponential", decay=0.3) == pytest.approx([0.1, 0.03, 0.009], rel=1e-5)


def test_a_constant_stays():
    assert rates([0, 9, 10, 50], schedule="constant") == pytest.approx([0.1] * 4)


@pytest.mark.parametrize(
    ("name", "after"), [("cosine", [0.1, 0.05, 0.0]), ("exponential", [0.1, 0.1 * 0.5**0.6, 0.1 * 0.5**1.2])]
)
def test_a_rate_warms_up_in_equal_parts_and_then_falls_from_its_highest(name, after):
    assert rates([0, 1, 2, 3], schedule=name, warmup_steps=4) == pytest.approx([0.025, 0.05, 0.075, 0.1])
    assert rates([4, 7, 10], schedule=name, warmup_steps=4) == pytest.approx(after, rel=1e-5, abs=1e-8)


def test_warming_up_all_the_way_is_refused():
    with pytest.raises(ConfigError, match="10 steps leave none of the 10 that 2 epochs have; set fewer than 10"):
        rates([0], warmup_steps=10)
