import pyarrow as pa
import pytest

from components.table_gen.contract import contract_of
from pipeline.config import ConfigError


def test_a_table_has_the_known_columns_and_its_own_declared_features(make_config):
    config = make_config(features=[("title", "item", "text"), ("price", "item", "numeric"), ("age", "user", "numeric")])

    contract = contract_of("items", config)

    assert contract.schema == pa.schema(
        [("item_id", pa.string()), ("available", pa.int64()), ("title", pa.string()), ("price", pa.float64())]
    )
    assert contract.unique == "item_id"


def test_only_ids_timestamp_and_event_are_required(make_config):
    required = {column.name for column in contract_of("events", make_config()).columns if column.required}

    assert required == {"user_id", "item_id", "timestamp", "event"}


def test_the_shops_names_stand_beside_the_contracts(make_config):
    contract = contract_of("users", make_config(columns={"users": {"user_id": "household"}}))

    assert [(column.name, column.source) for column in contract.columns] == [("user_id", "household")]


def test_a_mapping_of_an_unknown_column_is_refused_by_name(make_config):
    with pytest.raises(ConfigError, match=r"data\.columns\.events maps time, .*it has user_id, item_id, timestamp"):
        contract_of("events", make_config(columns={"events": {"time": "t"}}))


def test_a_feature_that_contradicts_a_known_column_is_refused(make_config):
    with pytest.raises(ConfigError, match=r"feature 'scene' is declared numeric.*holds string"):
        contract_of("events", make_config(features=[("scene", "context", "numeric")]))


def test_a_feature_of_the_same_type_keeps_the_known_columns_checks(make_config):
    contract = contract_of("events", make_config(features=[("dwell_seconds", "context", "numeric")]))

    kinds = [(column.kind, column.declared) for column in contract.columns if column.name == "dwell_seconds"]
    assert kinds == [("duration", True)]


def test_only_events_have_a_window_of_spans(make_config):
    config = make_config(first_span=2, last_span=5, window_spans=3)

    events, items = contract_of("events", config), contract_of("items", config)
    assert (events.first_span, events.last_span, events.window_spans) == (2, 5, 3)
    assert (items.first_span, items.last_span, items.window_spans) == (None, None, None)
