"""How the page speaks of the tables and their parts."""

import datetime

from components.data_gate.report import WHOLE_TABLE, Finding
from components.table_gen.read import ALL, BEFORE, NEWEST
from pipeline.page import words
from pipeline.page.document import Column, Comparison, DataDocument, Table

_DAY = 86_400  # seconds
_TITLES = {NEWEST: "newest span", BEFORE: "spans before", ALL: "whole table", "train": "training requests"}
_TITLES |= {"serving": "served requests"}


def title(split: str) -> str:
    """What a part of a table is called."""
    return _TITLES.get(split, split)


def headline(document: DataDocument) -> str:
    """What became of the run, as far as the data is concerned."""
    if document.stopped is None:
        return "The data passed"
    if document.num_errors:
        return "The data stopped the run"
    return f"The run stopped in {document.stopped.component}"


def rows(table: Table) -> str:
    """How many rows a table has, and how many were set aside."""
    if table.rows is None:
        return "; ".join(f"{words.count(split.num_rows)} {title(split.name)}" for split in table.splits) + "."
    spans = f" in {table.rows.spans} {'span' if table.rows.spans == 1 else 'spans'}, the newest {table.rows.span}"
    there = spans if table.rows.span is not None else ""
    return f"{words.count(table.rows.accepted)} rows{there}; {words.count(table.rows.num_rejected)} rejected."


def compared(table: Table) -> str:
    """What the table was held against besides its schema, where that is nothing."""
    if table.rows is None or len(table.splits) > 1:
        return ""
    if table.rows.span is None:
        return "It has no spans, so it is held against its schema and not against earlier data."
    return "There is a single span, so there was nothing to compare it with."


def place(finding: Finding) -> str:
    """Where in its table a finding stands."""
    part = _TITLES[finding.split] if finding.split in _TITLES and finding.split != ALL else ""
    feature = finding.feature if finding.feature != WHOLE_TABLE else "the whole table"
    return f"{feature} ({part})" if part else feature


def amount(column: Column, key: str) -> str:
    """A number of a column by its attribute; a day where the column holds times."""
    value = getattr(column, key)
    if column.kind != "time" or value is None:
        return words.amount(value)
    if key == "std_dev":
        return f"{value / _DAY:,.1f} days"
    try:
        return f"{datetime.datetime.fromtimestamp(value, datetime.UTC):%Y-%m-%d}"
    except (OverflowError, ValueError):  # a year that no calendar has
        return words.amount(value)


def tolerated(one: Comparison) -> str:
    """The range that a comparison may be in."""
    if one.least is None:
        return f"up to {one.most:g}"
    return f"{one.least:g} to {one.most:g}" if one.most is not None else f"from {one.least:g}"


def outcome(one: Comparison) -> str:
    """Whether a comparison is within its range."""
    if one.value is None:
        return "not compared: one side has no values"
    return "beyond" if one.exceeded else "within"
