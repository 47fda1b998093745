import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.table_gen.layout import flatten, nest, nested_schema


def test_a_value_becomes_a_list_of_one_and_a_missing_value_a_null_list():
    nested = nest(pa.table({"n": pa.array([0, None, -1]), "s": pa.array([None, "", "é"])}))

    assert nested["n"].to_pylist() == [[0], None, [-1]]
    assert nested["s"].to_pylist() == [None, [""], ["é"]]
    assert nested.schema == nested_schema(pa.schema([("n", pa.int64()), ("s", pa.string())]))


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(st.none() | st.integers(-(2**63), 2**63 - 1), st.none() | st.text()), max_size=20),
    start=st.integers(0, 20),
)
def test_flattening_undoes_nesting_of_any_slice(rows, start):
    table = pa.table(
        {"n": pa.array([row[0] for row in rows], pa.int64()), "s": pa.array([row[1] for row in rows], pa.string())}
    ).slice(start)

    assert flatten(nest(table)).equals(table)


@pytest.mark.parametrize("cell", [[], [1, 2]])
def test_a_cell_without_exactly_one_value_is_refused(cell):
    with pytest.raises(ValueError, match="column quantity is not in list layout"):
        flatten(pa.table({"quantity": pa.array([[1], cell], pa.list_(pa.int64()))}))
