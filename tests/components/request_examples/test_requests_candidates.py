import math

import pytest
from requests_shop import DAY, examples, make_events, make_settings

CATALOGUE = [f"i{n:02}" for n in range(40)]
FEW = {"positives": 9, "bought_before": 1, "popular": 1, "random": 1}
ANSWERS, PAST, POPULAR = {"i00", "i30"}, {"i00", "i01", "i02", "i03"}, {"i10", "i11", "i12"}


@pytest.fixture
def last_request():
    """The request of `u` on day 20, where `u` took i00 to i03 on day 10 and now takes i00 and i30."""
    rows = [("u", f"i0{n}", 10 * DAY + n) for n in range(4)] + [("u", "i00", 20 * DAY), ("u", "i30", 20 * DAY)]
    # Others made i10 to i12 popular by the week that begins on day 14; i20 became so on day 18.
    rows += [(f"v{n}", item, 12 * DAY) for n, item in enumerate(["i10", "i11", "i12"])] + [("w", "i20", 18 * DAY)]

    def ask(**requests):
        found = examples(make_events(rows), make_settings(**FEW | requests), catalogue=CATALOGUE)
        rows_of = [row for split in found.values() for row in split]
        return next(row for row in rows_of if row["user_id"] == ["u"] and row["timestamp"] == [20 * DAY])

    return ask


def log_odds(request) -> dict[str, float]:
    return dict(zip(request["candidate_item_ids"], request["candidate_sampling_log_odds"], strict=True))


def test_answers_are_candidates_up_to_the_limit(last_request):
    assert set(last_request()["candidate_item_ids"]) > ANSWERS
    assert len(set(last_request(positives=1)["candidate_item_ids"]) & ANSWERS) == 1


def test_negatives_bought_before_are_past_items_that_do_not_answer(last_request):
    assert set(last_request(bought_before=9)["candidate_item_ids"]) > PAST
    assert len(set(last_request(bought_before=2)["candidate_item_ids"]) & (PAST - ANSWERS)) == 2


def test_popular_negatives_were_popular_before_the_week_of_the_request(last_request):
    # Day 20 lies in the week from day 14: the top is that of days before it, where i20 was not yet sold. The shopper's
    # own i01 to i03 are popular too, but come from the history alone: one of them, as configured.
    candidates = set(last_request(popular=200)["candidate_item_ids"])
    assert candidates > POPULAR
    assert len(candidates & (PAST - ANSWERS)) == 1
    assert len(candidates - PAST - POPULAR - ANSWERS) <= 1


def test_random_negatives_are_the_rest_of_the_catalogue(last_request):
    # 2,000 draws of 40 items miss a given item with probability (39/40)^2000, about 1e-22.
    request = last_request(random=2000)
    candidates = set(request["candidate_item_ids"])
    assert candidates >= set(CATALOGUE) - PAST - POPULAR
    assert len(candidates & (PAST - ANSWERS)) == 1
    assert len(candidates & POPULAR) <= 1
    labels = dict(zip(request["candidate_item_ids"], request["candidate_purchase"], strict=True))
    assert {item for item, label in labels.items() if label} == ANSWERS


def test_each_candidate_carries_the_odds_at_which_its_source_was_sampled(last_request):
    odds = log_odds(last_request(positives=2, bought_before=2, popular=3, random=5))
    # Both answers are in: rate 1. Of i01, i02, i03, which did not answer, 2 are drawn: rate 2/3.
    past = math.log(1 / (2 / 3))
    # Seven items are popular, i00 to i03 among them: three draws hit one with probability 1 - (6/7)^3.
    popular = math.log(1 / (1 - (6 / 7) ** 3))
    # Five draws from 40 items.
    rest = math.log(1 / (1 - (39 / 40) ** 5))
    for item, value in odds.items():
        assert value == pytest.approx(past if item in PAST else popular if item in POPULAR else rest, rel=1e-6)
    assert len(set(odds) & PAST) == 3
    assert odds["i30"] == pytest.approx(rest, rel=1e-6)

    # One of two answers is drawn: rate 1/2.
    halved = log_odds(last_request(positives=1, bought_before=2, popular=3, random=5))
    past_item = next(item for item in halved if item in PAST - ANSWERS)
    assert halved[past_item] == pytest.approx(past + math.log(1 / 2), rel=1e-6)


def test_weighing_by_the_odds_gives_back_the_share_of_answers(last_request):
    """Undoing the sampling: n candidates of a source at odds o stand for n * o non-answers' worth of the population."""
    request = last_request(positives=2, bought_before=2, popular=200, random=2000)
    odds, labels = log_odds(request), request["candidate_purchase"]
    negatives = [item for item, label in zip(request["candidate_item_ids"], labels, strict=True) if not label]
    assert sum(math.exp(odds[item]) for item in negatives) == pytest.approx(len(CATALOGUE) - len(ANSWERS), abs=1e-6)


def test_each_candidate_stands_once_beside_its_popularity(last_request):
    request = last_request(bought_before=9, popular=2000, random=2000, popularity_days=9)
    assert len(set(request["candidate_item_ids"])) == len(request["candidate_item_ids"]) == 40
    counts = dict(zip(request["candidate_item_ids"], request["candidate_popularity"], strict=True))
    # The nine days before day 20 are 11 to 19: the takings of day 10 are out, those of day 20 itself too.
    assert {item: count for item, count in counts.items() if count} == {"i10": 1, "i11": 1, "i12": 1, "i20": 1}


def test_another_seed_draws_other_candidates():
    settings = {seed: make_settings(seed=seed, **FEW | {"random": 10}) for seed in (1, 2)}
    events = make_events([("u", "i00", 50 * DAY)])
    one, two = (examples(events, settings[seed], catalogue=CATALOGUE)["eval"][0] for seed in (1, 2))
    assert one["candidate_item_ids"] != two["candidate_item_ids"]
    assert one["label_item_ids"] == two["label_item_ids"]
