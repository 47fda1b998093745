import copy
import pathlib

import pytest

from pipeline import config

MINIMAL = {
    "name": "shop",
    "data": {"root": "data/shop"},
    "schema_dir": "schemas",
    "features": [{"name": "age", "role": "user", "kind": "categorical"}],
    "requests": {"positive_events": ["purchase"]},
    "model": {"heads": [{"name": "purchase", "events": ["purchase"]}]},
}


@pytest.fixture
def document(tmp_path):
    """A configuration with the least in it, and the schemas that it names."""
    (tmp_path / "schemas").mkdir()
    for table in ("events", "items", "users"):
        (tmp_path / "schemas" / f"{table}.pbtxt").touch()
    return copy.deepcopy(MINIMAL)


@pytest.fixture
def mistakes(document, write_config):
    """The lines about a configuration's keys, once it was changed."""

    def of(overrides: dict) -> list[str]:
        with pytest.raises(config.ConfigError) as error:
            config.load(write_config(document), overrides)
        first, *lines = str(error.value).splitlines()
        assert first.endswith("shop.yaml cannot be used:")
        return [line.strip() for line in lines]

    return of


@pytest.mark.parametrize(
    "name", ["complete_journey", "complete_journey_sample", "complete_journey_weekly", "movielens"]
)
def test_a_shipped_configuration_loads_by_its_name(name):
    assert config.load(name).name == name


def test_the_least_configuration_gets_the_defaults(document, write_config, tmp_path):
    loaded = config.load(write_config(document))
    assert (loaded.training.epochs, loaded.evaluation.cutoffs) == (5, [10, 50, 100])
    assert loaded.schema_dir == str(tmp_path / "schemas")
    assert str(loaded.serving_dir) == "runs/shop/serving/shelfwise"


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        ({"training.epoch": 1}, "training.epoch: unknown key; did you mean `epochs`?"),
        ({"colour": "red"}, "colour: unknown key"),
        ({"requests": {}}, "requests.positive_events: is needed and missing"),
        ({"requests.positive_events": []}, "requests.positive_events: must not be empty"),
        ({"training": 5}, "training: must be a mapping of keys, not 5"),
        ({"training.epochs": "many"}, "training.epochs: must be a valid integer, unable to parse string as an integer"),
        ({"training.epochs": 0}, "training.epochs: must be greater than 0, not 0"),
        ({"training.learning_rate": float("nan")}, "training.learning_rate: must be a finite number, not nan"),
        ({"requests.validation_share": 1.5}, "requests.validation_share: must be less than or equal to 1, not 1.5"),
        ({"requests.every": "week"}, "requests.every: must be `basket` or a number of days, at least 1, not 'week'"),
        ({"name": "My Shop"}, "name: must match ^[a-z][a-z0-9_]*$, not 'My Shop'"),
        ({"data.source": "amazon"}, "data.source: must be 'complete_journey' or 'movielens', not 'amazon'"),
        ({"data.sample": 10}, "data: `sample` thins out public data, so it needs a `source`"),
        ({"data.first_span": 9, "data.last_span": 3}, "data: `first_span` 9 comes after `last_span` 3"),
        ({"model.embedding_dim": 30}, "model: `embedding_dim` 30 must be a multiple of `attention_heads` 4"),
        ({"serving.batch_sizes": [1, 8, 4]}, "serving.batch_sizes: must ascend, each size once, as in [1, 2, 4"),
        ({"serving.batch_sizes": [1, 1, 4]}, "serving.batch_sizes: must ascend, each size once"),
        ({"serving.batch_sizes": []}, "serving.batch_sizes: must not be empty"),
        ({"serving.max_latency": 5}, "serving.max_latency: unknown key; did you mean `max_latency_ms`?"),
    ],
)
def test_a_mistake_is_reported_with_its_dotted_key(mistakes, overrides, line):
    (found,) = mistakes(overrides)
    assert found.startswith(line)


@pytest.mark.parametrize(
    ("heads", "line"),
    [
        ([{"name": "buy"}], "model.heads.0: head 'buy': `events` belongs to cross_entropy heads"),
        ([{"name": "buy", "events": ["purchase"]}, {"name": "spend", "loss": "squared_error"}],
         "model.heads.1: head 'spend': `column` belongs to squared_error heads"),
        ([{"name": "buy", "events": ["purchase"]}] * 2, "model.heads: declared twice: buy"),
        ([{"name": "score", "events": ["purchase"]}], "model.heads.0: the pipeline itself uses the name 'score'"),
    ],
)  # fmt: skip
def test_a_head_needs_a_label_and_a_name_of_its_own(mistakes, heads, line):
    (found,) = mistakes({"model.heads": heads})
    assert found.startswith(line)


@pytest.mark.parametrize(
    ("features", "line"),
    [
        ([("age", "user", "numeric"), ("age", "item", "numeric")], "features: declared twice: age"),
        ([("bio", "user", "text")], "features.0: feature 'bio': only items have texts"),
        ([("id", "item", "categorical")], "features.0: the pipeline itself uses the name 'id'"),
        ([("shoe size", "user", "numeric")], "features.0.name: must match"),
        ([("age", "shopper", "numeric")], "features.0.role: must be 'user', 'item' or 'context', not 'shopper'"),
    ],
)
def test_a_feature_needs_a_role_a_kind_and_a_name_of_its_own(mistakes, features, line):
    (found,) = mistakes({"features": [dict(zip(("name", "role", "kind"), one, strict=True)) for one in features]})
    assert found.startswith(line)


@pytest.mark.parametrize(
    ("tuning", "line"),
    [
        ({"space": {}}, "tuning.space: must not be empty"),
        ({"space": {"training.rate": [1]}}, "tuning: there is no training.rate; choose from model.attention_heads, "),
        ({"space": {"training.epochs": [1, 2]}}, "tuning: there is no training.epochs; choose from"),
        ({"space": {"model.heads": ["purchase"]}}, "tuning: there is no model.heads; choose from"),
        ({"space": {"training.batch_size": []}}, "tuning.space: training.batch_size needs values to choose from"),
        ({"space": {"training.decay": [0.5, "half"]}}, "tuning.space: the values of training.decay are of several"),
        ({"space": {"training.learning_rate": [0.1, 0]}}, "tuning: training.learning_rate 0.0 cannot be tried: Input"),
        ({"space": {"model.embedding_dim": [64, 32], "model.attention_heads": [4, 64]}},
         "tuning: model.embedding_dim 32, model.attention_heads 64 cannot be tried: `embedding_dim` 32 must be a"),
        ({"space": {"training.decay": [0.5]}, "objective": "ndcg@10"},
         "tuning: there is no ndcg@10; choose from ranking_loss, purchase_loss, retrieval_loss, joint_loss"),
    ],
)  # fmt: skip
def test_a_search_for_what_cannot_be_tried_is_refused(mistakes, tuning, line):
    (found,) = mistakes({"tuning": tuning})
    assert found.startswith(line)


def test_whole_numbers_among_others_are_taken_as_such(document, write_config):
    loaded = config.load(write_config(document), {"tuning.space": {"model.temperature": [1, 0.5]}})
    assert [type(value) for value in loaded.tuning.space["model.temperature"]] == [float, float]


@pytest.mark.parametrize(
    ("overrides", "folder"),
    [
        ({}, str(pathlib.Path("runs/shop/checkpoints").absolute())),
        ({"training.checkpoint_dir": "/mnt/shared"}, "/mnt/shared/shop/checkpoints"),
        ({"beam.artifacts_root": "gs://shop/artifacts"}, "gs://shop/artifacts/shop/checkpoints"),
    ],
)
def test_checkpoints_are_where_the_next_run_finds_them(document, write_config, overrides, folder):
    assert config.load(write_config(document), overrides).checkpoint_dir == folder


def test_warm_up_keeps_to_the_records_that_a_server_takes(mistakes, document, write_config):
    (found,) = mistakes({"serving.batch_sizes": list(range(1, 202))})
    assert found.startswith("serving.batch_sizes: List should have at most 200 items")
    config.load(write_config(document), {"serving.batch_sizes": list(range(1, 201))})  # times five signatures: 1000


@pytest.mark.parametrize(
    ("destination", "pushed_to"),
    [("gs://shop/models", "gs://shop/models"), ("s3://shop/m", "s3://shop/m"), ("/srv/models", "/srv/models")],
)
def test_versions_are_pushed_where_the_configuration_says(document, write_config, destination, pushed_to):
    assert config.load(write_config(document), {"serving.destination": destination}).destination == pushed_to


def test_versions_are_pushed_below_the_runs_by_default(document, write_config):
    loaded = config.load(write_config(document))
    assert loaded.destination == str(pathlib.Path("runs/shop/serving/shelfwise").absolute())


def test_a_bucket_is_no_folder_that_the_embedded_server_can_watch(document, write_config):
    loaded = config.load(write_config(document), {"serving.destination": "gs://shop/models"})
    with pytest.raises(config.ConfigError, match="serve it with TensorFlow Serving, or set a folder"):
        _ = loaded.serving_dir


@pytest.mark.parametrize("key", ["floors", "ceilings", "max_loss", "slice_max_loss", "max_gap.scene"])
def test_a_gate_on_what_is_not_measured_is_refused_with_the_names_that_are(mistakes, key):
    (found,) = mistakes({"evaluation.cutoffs": [10], f"evaluation.{key}": {"ndcg@20": 0.1, "ndcg@10": 0.1}})
    assert found.startswith(f"evaluation.{key}: there is no ndcg@20; choose from recall@10, ndcg@10, mrr@10")
    assert "first_time/ndcg@10" in found
    assert "rare_share@10" in found


def test_gates_can_be_set_on_heads_and_on_the_exposure_of_features(document, write_config):
    loaded = config.load(
        write_config(document),
        {
            "features": [{"name": "brand", "role": "item", "kind": "categorical"}],
            "evaluation.exposure": ["brand"],
            "evaluation.floors": {"purchase/auc": 0.5, "brand/least_exposure@10": 0.2, "embedding_diversity@10": 0.1},
            "evaluation.ceilings": {"purchase/calibration": 1.3, "brand/disparity@10": 0.2},
            "evaluation.max_loss": {"purchase/calibration_error": 0.1},
        },
    )
    assert loaded.evaluation.floors["purchase/auc"] == 0.5


def test_a_model_cannot_lose_by_what_is_best_in_between(mistakes):
    (found,) = mistakes({"evaluation.max_loss": {"purchase/calibration": 0.1}})
    assert found.startswith("evaluation.max_loss: there is no purchase/calibration; choose from")


def test_exposure_is_that_of_categorical_item_features(mistakes):
    (found,) = mistakes({"features": [], "evaluation.exposure": ["brand"]})
    assert found.startswith("evaluation.exposure: there is no brand")


def test_groups_are_not_compared_by_what_has_no_interval(mistakes):
    (found,) = mistakes({"evaluation.max_gap": {"shopper": {"coverage@10": 0.1}}})
    assert found.startswith("evaluation.max_gap.shopper: there is no coverage@10; choose from")


def test_groups_are_compared_only_by_what_slices_are_cut_by_alone(mistakes):
    (found,) = mistakes({"evaluation.slices": [["shopper", "scene"], ["scene"]], "evaluation.max_gap": {"shopper": {}}})
    assert found == "evaluation.max_gap: there is no shopper; choose from scene"


def test_the_category_of_lists_is_a_categorical_item_feature(mistakes):
    features = [
        {"name": "title", "role": "item", "kind": "text"},
        {"name": "brand", "role": "item", "kind": "categorical"},
        {"name": "age", "role": "user", "kind": "categorical"},
    ]
    (found,) = mistakes({"features": features, "evaluation.category": "title"})
    assert found == "evaluation.category: there is no title; choose from brand"


def test_the_mix_of_categories_is_judged_only_where_items_have_one(mistakes):
    (found,) = mistakes({"features": [], "evaluation.ceilings": {"miscalibration@10": 1}})
    assert found.startswith("evaluation.ceilings: there is no miscalibration@10; choose from")


def test_a_misspelt_slice_is_refused_with_those_that_there_are(mistakes):
    (found,) = mistakes({"evaluation.slices": [["shopper"], ["user_age", "shoper"]]})
    choices = "shopper, scene, activity, label_rarity, user_age"
    assert found == f"evaluation.slices: there is no shoper; choose from {choices}"


def test_an_item_feature_is_no_slice_of_requests(mistakes):
    brand = {"name": "brand", "role": "item", "kind": "categorical"}
    (found,) = mistakes({"features": [brand], "evaluation.slices": [["item_brand"]]})
    choices = "shopper, scene, activity, label_rarity, label_brand"
    assert found == f"evaluation.slices: there is no item_brand; choose from {choices}"


def test_all_mistakes_are_reported_at_once(mistakes):
    found = mistakes({"data.rot": 1, "training.epochs": 0, "model.heads": [], "evaluation.slices": [["nobody"]]})
    assert [line.split(":")[0] for line in found] == ["data.rot", "model.heads", "training.epochs", "evaluation.slices"]


def test_a_schema_dir_without_the_schemas_is_refused(document, mistakes, tmp_path):
    (tmp_path / "schemas" / "items.pbtxt").unlink()
    assert mistakes({}) == [f"schema_dir: {tmp_path}/schemas has no items.pbtxt"]


def test_a_file_inherits_from_its_base_key_by_key(document, write_config):
    document["training"] = {"epochs": 7, "batch_size": 32}
    write_config(document, "parent.yaml")
    features = [{"name": "income", "role": "user", "kind": "categorical"}]
    child = {"base": "parent.yaml", "name": "child", "training": {"epochs": 1}, "features": features}
    loaded = config.load(write_config(child, "child.yaml"))
    assert (loaded.name, loaded.training.epochs, loaded.training.batch_size) == ("child", 1, 32)
    assert loaded.features_of("user") == ["income"]  # a list is replaced as a whole


def test_a_base_may_be_a_shipped_configuration(write_config):
    loaded = config.load(write_config({"base": "movielens", "data": {"sample": 5}}))
    shipped = config.load("movielens")
    assert loaded.data == shipped.data.model_copy(update={"sample": 5})
    assert loaded.schema_dir == shipped.schema_dir


def test_files_that_are_each_others_base_are_refused(write_config):
    write_config({"base": "b.yaml"}, "a.yaml")
    with pytest.raises(config.ConfigError, match="its own base"):
        config.load(write_config({"base": "a.yaml"}, "b.yaml"))


def test_overrides_reach_into_sections_and_make_those_that_are_not_there(document, write_config):
    loaded = config.load(write_config(document), {"training.epochs": 3, "evaluation.floors.ndcg@10": 0.5})
    assert (loaded.training.epochs, loaded.evaluation.floors) == (3, {"ndcg@10": 0.5})


def test_an_override_into_a_list_is_refused_with_what_to_set_instead(document, write_config):
    with pytest.raises(config.ConfigError, match=r"model\.heads\.0\.loss_weight .* set model\.heads as a whole"):
        config.load(write_config(document), {"model.heads.0.loss_weight": 2})


@pytest.mark.parametrize(
    ("content", "message"),
    [("name: [", "no valid YAML"), ("- name", "must hold a mapping of keys"), ("", "must hold a mapping of keys")],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content, message):
    (tmp_path / "shop.yaml").write_text(content)
    with pytest.raises(config.ConfigError, match=message):
        config.load(tmp_path / "shop.yaml")


def test_an_unknown_name_is_refused_with_the_shipped_ones():
    with pytest.raises(
        config.ConfigError, match="complete_journey, complete_journey_sample, complete_journey_weekly, movielens"
    ):
        config.load("complete_journy")
