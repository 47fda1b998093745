import pandas as pd
import pytest

from pipeline.data.dataset import DataError, Dataset, sample_ids, sift


def test_a_row_with_two_faults_is_counted_once_under_the_first():
    frame = pd.DataFrame({"quantity": [1, 0, 0, 5]})
    kept, set_aside = sift(
        frame, {"empty": frame["quantity"] == 0, "small": frame["quantity"] < 2, "huge": frame["quantity"] > 9}
    )
    assert kept["quantity"].tolist() == [5]
    assert set_aside == {"empty": 2, "small": 1, "huge": 0}


def test_a_sample_depends_on_the_ids_alone():
    ids = list(range(100))
    assert sample_ids(ids, 10) == sample_ids(ids[::-1], 10)
    assert sample_ids(ids, 10) != set(range(10))


def test_a_smaller_sample_lies_within_a_larger_one():
    assert sample_ids(range(100), 10) < sample_ids(range(100), 20)


@pytest.mark.parametrize("size", [0, -1, 4])
def test_an_impossible_sample_names_the_possible_ones(size):
    with pytest.raises(DataError, match=f"sample of {size} .* from 1 to 3"):
        sample_ids(["a", "b", "c"], size)


def test_a_sample_holds_its_users_and_what_they_took_and_counts_the_rest():
    dataset = Dataset(
        events=pd.DataFrame({"user_id": [1, 1, 2], "item_id": [10, 11, 12], "span": [1, 1, 2]}),
        items=pd.DataFrame({"item_id": [10, 11, 12, 13]}),
        users=pd.DataFrame({"user_id": [1, 2, 3]}),
        set_aside={"events": {"broken": 7}, "items": {}, "users": {}},
    )
    # sha256 of "1" starts with 6b, of "2" with d4: the sample of one is user 1.
    sample = dataset.sample(1)
    assert sample.events["item_id"].tolist() == [10, 11]
    assert sample.items["item_id"].tolist() == [10, 11]
    assert sample.users["user_id"].tolist() == [1]
    assert sample.set_aside == {
        "events": {"broken": 7, "user outside the sample": 1},
        "items": {"taken by no user of the sample": 2},
        "users": {"user outside the sample": 2},
    }
