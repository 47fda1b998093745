"""When a table has to be ingested again."""

import pytest

from components.table_gen import component


@pytest.fixture
def fingerprint(make_config):
    """What the driver of the events table says of the files that are read."""

    def read(**data) -> str:
        node = component.table_gen("events", make_config(**data))
        driver = node.driver_class(metadata_handle=None)
        return driver.resolve_exec_properties(dict(node.exec_properties), None, None)["input_fingerprint"]

    return read


def test_a_span_that_lands_later_does_not_touch_a_window_that_ends_before_it(fingerprint, write, events):
    for span in (1, 2, 3):
        write(f"events/span-{span}/a.parquet", events())
    before = fingerprint(first_span=2, last_span=3)
    write("events/span-4/a.parquet", events())
    write("events/span-1/b.parquet", events())
    assert fingerprint(first_span=2, last_span=3) == before
    assert fingerprint(first_span=2, last_span=4) != before


def test_a_changed_file_of_the_window_is_read_again(fingerprint, write, events):
    write("events/span-2/a.parquet", events())
    before = fingerprint(last_span=2)
    write("events/span-2/a.parquet", events(5))
    changed = fingerprint(last_span=2)
    assert changed != before
    write("events/span-2/b.parquet", events())
    assert fingerprint(last_span=2) not in (before, changed)


def test_without_a_last_span_every_file_counts(fingerprint, write, events):
    write("events/span-2/a.parquet", events())
    before = fingerprint()
    write("events/span-3/a.parquet", events())
    assert fingerprint() != before
