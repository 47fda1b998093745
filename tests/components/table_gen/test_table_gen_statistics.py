"""The list layout is worth its name only if TFX's own components count it rightly."""

import pytest

from pipeline.beam import LOCAL_BEAM_ARGS

FEATURES = [("price", "item", "numeric"), ("brand", "item", "categorical")]


@pytest.fixture
def statistics(ingest, make_config, write, tmp_path):
    """Statistics of four items, by feature, from StatisticsGen's own executor."""
    import tensorflow_data_validation as tfdv
    from tfx.components.statistics_gen import executor
    from tfx.dsl.components.base import base_beam_executor
    from tfx.types import standard_artifacts

    write(
        "items/a.parquet",
        {
            "item_id": ["1", "2", "3", "4"],
            "price": [0.0, -2.0, None, 5.0],
            "brand": ["", None, None, "acme"],
            "available": [0, 0, 1, None],
        },
    )
    examples = ingest("items", make_config(FEATURES)).artifact
    output = standard_artifacts.ExampleStatistics()
    output.uri = str(tmp_path / "statistics")
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=list(LOCAL_BEAM_ARGS), tmp_dir=str(tmp_path / "tmp"), unique_id="2"
    )
    executor.Executor(context).Do({"examples": [examples]}, {"statistics": [output]}, {})
    dataset = tfdv.load_stats_binary(f"{output.uri}/Split-all/FeatureStats.pb").datasets[0]
    return {feature.path.step[0]: feature for feature in dataset.features}


def test_statistics_gen_tells_zeros_and_empty_strings_from_missing_values(statistics):
    price, available = statistics["price"].num_stats, statistics["available"].num_stats
    brand = statistics["brand"].string_stats

    assert (price.num_zeros, price.common_stats.num_missing, price.common_stats.num_non_missing) == (1, 1, 3)
    assert (price.min, price.max, price.mean) == (-2.0, 5.0, 1.0)
    assert (available.num_zeros, available.common_stats.num_missing) == (2, 1)
    # TFX sees one value in every cell that has one, as it would in tf.Examples.
    assert (price.common_stats.min_num_values, price.common_stats.max_num_values) == (1, 1)
    assert (brand.common_stats.num_missing, brand.common_stats.num_non_missing, brand.unique) == (2, 2, 2)
    assert set(statistics) == {"item_id", "available", "price", "brand"}
