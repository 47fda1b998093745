"""What is written of a benchmark, and how it is compared."""

import io
import json
import math
import platform

import pytest
from rich.console import Console
from small_problem import problem

from benchmarks.quality import results, table
from benchmarks.quality.answer import Answer, BadAnswer, Report


def answer(method: str, lists: dict, first_time: dict | None = None) -> Answer:
    report = Report(
        method=method,
        library="none 1.0",
        parameters={"days": 28},
        training_seconds=None,
        inference_seconds_a_user=0.002,
        peak_memory_mib=None,
    )
    return Answer(report, {"all": lists} | ({"first_time": first_time} if first_time else {}))


ANSWERS = {
    "popularity": answer("popularity", {user: ["milk"] for user in ("ann", "bob", "cid")}),
    "worse": answer("worse", {"cid": ["wine", "beer"]}, {"cid": ["beer"]}),
    "shelfwise": answer("shelfwise", {"ann": ["cheese", "milk"], "cid": ["beer"]}, {"cid": ["wine"]}),
}


@pytest.fixture(scope="module")
def result() -> results.Result:
    return results.judged(problem(), ANSWERS, results.GrpcCheck(asked=3, equal=2, tied=0), {"SAR": {"ndcg@10": 0.382}})


def test_a_difference_is_taken_user_by_user_against_the_best_peer_of_each_metric(result):
    both = 1 + 1 / math.log2(3)
    # NDCG@10 of popularity: 1 of ann's two in first place, bob's only one, nothing of cid's; ours: all, nothing, all.
    difference = result.differences["ndcg@10"]
    assert difference.peer == "popularity"
    assert difference.figure.value == pytest.approx(((1 - 1 / both) + (0 - 1) + (1 - 0)) / 3)
    # Popularity does not answer the task of first-time items, where ann and cid have something relevant.
    assert result.differences["first_time/recall@50"].peer == "worse"
    assert result.differences["first_time/recall@50"].figure.value == pytest.approx((0 + -1) / 2)
    assert result.differences.keys() == {"ndcg@10", "recall@50", "first_time/ndcg@10", "first_time/recall@50"}


def test_every_mean_has_an_interval_and_is_repeatable(result):
    again = results.judged(problem(), ANSWERS, None, {})
    for name, method in result.methods.items():
        assert method.figures == again.methods[name].figures
    figures = result.methods["popularity"].figures
    assert {name for name, figure in figures.items() if figure.interval is None} == {"coverage@10"}
    assert "diversity@10" not in figures  # no list has two items


def test_the_file_holds_the_result_and_nothing_about_who_measured_it(result, tmp_path):
    path = results.write(result, tmp_path)
    assert path == tmp_path / "small.json"
    assert list(tmp_path.iterdir()) == [path]
    assert results.Result.model_validate_json(path.read_text()) == result
    document = json.loads(path.read_text())
    assert document.keys() == {
        *("problem", "date", "seed", "machine", "versions", "users", "catalogue", "methods", "differences"),
        *("over_grpc", "published"),
    }
    assert document["machine"].keys() == {"processor", "cores", "memory_gib"}
    assert document["users"] == {"all": 3, "first_time": 2}
    assert document["methods"]["popularity"]["report"]["parameters"] == {"days": 28}
    assert document["methods"]["popularity"]["figures"]["recall@50"]["value"] == pytest.approx(0.5)  # 1/2, 1, 0
    assert platform.node() not in path.read_text()


def test_writing_replaces_an_earlier_result_as_a_whole(result, tmp_path):
    (tmp_path / "small.json").write_text("x" * 1_000_000)
    assert results.Result.model_validate_json(results.write(result, tmp_path).read_text()) == result


def test_an_answer_that_breaks_the_rules_is_not_judged():
    with pytest.raises(BadAnswer, match="cheater, task all, user ann"):
        results.judged(problem(), {"cheater": answer("cheater", {"ann": ["milk", "milk"]})}, None, {})


def test_the_table_shows_measured_and_published_figures(result):
    printed = io.StringIO()
    Console(width=200, file=printed).print(table.layout(result))
    lines = printed.getvalue().splitlines()
    measured = next(line for line in lines if line.startswith("  popularity "))
    assert "0.500" in measured
    assert "2.00" in measured  # milliseconds a user
    assert "0.382" in next(line for line in lines if line.startswith("  SAR (published)"))
