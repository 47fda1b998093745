"""The command line of the quality benchmark."""

import pytest

from benchmarks.quality.__main__ import options_of


@pytest.mark.parametrize(
    ("arguments", "datasets"),
    [
        ([], ["complete_journey", "movielens_100k"]),
        (["all"], ["complete_journey", "movielens_100k"]),
        (["movielens_100k"], ["movielens_100k"]),
    ],
)
def test_all_datasets_are_judged_unless_some_are_named(arguments, datasets):
    assert options_of(arguments).datasets == datasets


def test_an_unknown_dataset_is_refused_with_those_there_are(capsys):
    with pytest.raises(SystemExit):
        options_of(["movielens"])
    assert "complete_journey" in capsys.readouterr().err
