"""The page about the data of a run, which is there whether or not the run came to a model."""

import lxml.html
import pytest
from sample_page import HOSTILE, NOON, sample

from components.data_gate.report import Finding
from pipeline.page import data_words, render
from pipeline.page.document import Column, Comparison, DataDocument, Split, Table

EMPTY = {"inputs": {}, "outputs": {}, "started": NOON, "seconds": 1.0, "settings": {}}


def document(stopped_in: str = "", error: str = "", findings=(), **changes) -> DataDocument:
    """The data of the sample page; of a run that a component ended, if one is named."""
    [events] = sample().tables
    steps = [{"component": "EventsGen", "state": "done", **EMPTY}]
    if stopped_in:
        steps.append({"component": stopped_in, "state": "failed", "error": error, **EMPTY})
    fields = {
        "pipeline": "corner_shop",
        "started_at": NOON,
        "stopped": steps[-1] if stopped_in else None,
        "tables": [events.model_copy(update={"findings": list(findings)})],
        "steps": steps,
    }
    return DataDocument.model_validate(fields | changes)


def page_of(found: DataDocument):
    return lxml.html.document_fromstring(render.data_html(found))


def text_of(element) -> str:
    return " ".join(element.text_content().split())


BROKEN = Finding("events", "newest", "store", "error", HOSTILE, "s9 is new.", "Mend the values")


def test_data_that_stopped_the_run_say_first_what_is_wrong_and_what_to_do():
    page = page_of(document("DataGate", "1 finding in the data", [BROKEN]))
    header = text_of(page.find(".//header"))
    assert "The data stopped the run" in header
    assert f"events (newest span), store: {HOSTILE}. s9 is new. Mend the values." in header
    assert "Nothing after DataGate ran, and nothing was pushed." in header


def test_a_run_that_stopped_for_another_reason_says_which():
    header = text_of(page_of(document("EventsGen", f"2 of 10 rows: {HOSTILE}")).find(".//header"))
    assert "The run stopped in EventsGen" in header
    assert f"2 of 10 rows: {HOSTILE}" in header


def test_data_that_passed_say_so():
    assert "The data passed" in text_of(page_of(document()).find(".//header"))


def test_the_data_of_the_page_can_be_read_back():
    found = document("DataGate", "1 finding", [BROKEN])
    assert DataDocument.model_validate_json(found.model_dump_json()) == found


def test_a_table_without_spans_and_a_single_span_say_that_nothing_was_compared():
    [events] = document().tables
    single = events.model_copy(update={"splits": events.splits[:1]})
    assert "There is a single span" in data_words.compared(single)
    items = single.model_copy(update={"rows": events.rows.model_copy(update={"span": None, "spans": 0})})
    assert "It has no spans" in data_words.compared(items)
    assert data_words.compared(events) == ""


@pytest.mark.parametrize(
    ("least", "most", "value", "tolerated", "outcome"),
    [
        (None, 0.1, 0.1, "up to 0.1", "within"),
        (None, 0.1, 0.11, "up to 0.1", "beyond"),
        (0.5, 2.0, 0.4, "0.5 to 2", "beyond"),
        (0.5, None, 3.0, "from 0.5", "within"),
        (0.5, 2.0, None, "0.5 to 2", "not compared: one side has no values"),
    ],
)
def test_a_comparison_is_told_with_its_range(least, most, value, tolerated, outcome):
    one = Comparison(feature="f", measure="m", value=value, least=least, most=most)
    assert (data_words.tolerated(one), data_words.outcome(one)) == (tolerated, outcome)


def test_times_are_told_as_days():
    time = Column(name="timestamp", kind="time", missing_share=0, median=1_500_000_000, std_dev=129_600, largest=1e30)
    assert data_words.amount(time, "median") == "2017-07-14"
    assert data_words.amount(time, "std_dev") == "1.5 days"
    assert data_words.amount(time, "least") == "–"
    assert data_words.amount(time, "largest").startswith("1,000,000")


def test_requests_that_train_stand_beside_those_that_were_served():
    splits = [Split(name=name, num_rows=rows, columns=[]) for name, rows in (("train", 2000), ("serving", 30))]
    requests = Table(name="requests", rows=None, splits=splits)
    assert "2,000 training requests; 30 served requests." in text_of(page_of(document(tables=[requests])))
