import pytest
from google.protobuf import json_format
from tensorflow_model_analysis.proto import config_pb2

from components.evaluation import gate
from pipeline.config import ConfigError


@pytest.mark.parametrize("key", ["floors", "max_loss"])
def test_a_metric_that_is_not_measured_is_refused_with_the_names_that_are(shop_config, key):
    with pytest.raises(ConfigError) as error:
        gate.eval_config(shop_config(cutoffs=[10], **{key: {"ndcg@20": 0.1, "ndcg@10": 0.1}}))
    message = str(error.value)
    assert f"evaluation.{key} names what is not measured: ndcg@20;" in message
    assert "recall@10, ndcg@10, mrr@10, hit_rate@10, first_time/recall@10" in message


def test_slices_are_the_configured_ones_and_the_whole(shop_config):
    spec = gate.eval_config(shop_config(slices=[["shopper"], ["scene", "shopper"]])).slicing_specs
    assert [list(one.feature_keys) for one in spec] == [[], ["shopper"], ["scene", "shopper"]]


def test_both_models_are_judged_by_the_default_serving_signature(shop_config):
    candidate, baseline = gate.eval_config(shop_config()).model_specs
    assert (candidate.signature_name, baseline.signature_name) == ("serving_default", "serving_default")
    assert (candidate.is_baseline, baseline.is_baseline) == (False, True)


def test_a_zero_floor_and_a_zero_tolerance_survive_the_way_to_the_component_as_json(shop_config):
    spec = gate.eval_config(shop_config(floors={"ndcg@10": 0.0}, max_loss={"ndcg@10": 0.0}))
    received = json_format.Parse(json_format.MessageToJson(spec), config_pb2.EvalConfig())
    floor, change = received.metrics_specs[0].per_slice_thresholds["ndcg@10"].thresholds
    assert floor.threshold.value_threshold.HasField("lower_bound")
    assert change.threshold.change_threshold.HasField("absolute")
