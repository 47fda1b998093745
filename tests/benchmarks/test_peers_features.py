"""The ranker's features: worked out by hand, and blind to whatever comes after their moment."""

import numpy as np
import pandas as pd
import peers_problem
import pytest

from benchmarks.quality.peers.features import Features, Pairs
from benchmarks.quality.peers.problem import DAY_SECONDS

# user, item, day, basket; asked about on day 100
EVENTS = [
    (0, 0, 70, 0),
    (0, 1, 70, 0),
    (1, 0, 80, 1),
    (0, 0, 86, 2),
    (0, 1, 86, 2),
    (0, 0, 96, 3),
    (0, 0, 96, 3),  # a second line of the same basket
]
KINDS = np.array([[0], [0], [1]])  # items 0 and 1 are of one kind
PAIRS = Pairs(np.array([0, 0, 0, 1]), np.array([0, 1, 2, 1]), np.array([3.0, 2.0, 1.0, 0.5], np.float32))


def features(events: list, moment: int | None = None) -> pd.DataFrame:
    log = peers_problem.log(events, (2, 3))
    return Features(log if moment is None else log.before(moment * DAY_SECONDS), KINDS, ["kind"]).of(PAIRS)


def test_an_own_item_is_described_by_how_often_how_lately_and_how_regularly_it_was_taken():
    own = features(EVENTS).loc[0]
    assert own["baskets"] == 3
    assert own["days_since"] == 4
    assert own["days_known"] == 30
    assert own["interval"] == 13  # 16 and 10 days
    assert own["interval_deviation"] == pytest.approx(np.sqrt(18))
    assert own["due"] == pytest.approx(4 / 13)
    assert own["share_of_baskets"] == 1
    assert own["decayed_7"] == pytest.approx(0.5 ** (4 / 7) + 0.5**2 + 0.5 ** (30 / 7))


def test_an_item_is_described_by_who_takes_it_and_who_comes_back():
    item = features(EVENTS).loc[0]
    assert (item["item_users_7"], item["item_users_28"], item["item_users"]) == (1, 2, 2)
    assert item["item_repeat_rate"] == 0.5
    assert features(EVENTS).loc[1, "item_repeat_rate"] == 1  # its only user took it twice
    assert item["item_trend_7"] == pytest.approx((1 * 4 + 1) / (2 + 1))


def test_a_kind_is_described_by_how_much_of_it_the_user_takes():
    # User 0 took items of kind 0 in three baskets and nothing of kind 1.
    of_kind = features(EVENTS)
    assert of_kind["kind_share"].iloc[1] == 1
    assert of_kind["kind_days_since"].iloc[1] == 4
    assert np.isnan(of_kind["kind_share"].iloc[2])


def test_a_pair_that_never_met_has_no_counts():
    never = features(EVENTS).loc[3]
    assert np.isnan(never[["baskets", "days_since", "due"]]).all()
    assert never["user_baskets"] == 1
    assert never["similarity"] == 0.5


@pytest.mark.parametrize("later", [(0, 1, 90, 4), (1, 2, 95, 5), (0, 0, 99, 6)])
def test_no_feature_of_an_earlier_window_knows_a_later_event(later):
    before = features(EVENTS, moment=90)
    pd.testing.assert_frame_equal(before, features([*EVENTS, later], moment=90))
    assert not before.equals(features([*EVENTS, later], moment=100))
