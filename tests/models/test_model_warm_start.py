"""A model that goes on from an earlier one, of a shop that has changed since."""

import copy
import json
import pathlib
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tiny_pipeline
import tiny_shop

from models import dataset, trainer, warm_start
from models.item_tower import ItemText
from models.learning_rate import schedule
from models.text.encoder import TextEncoder
from models.weights import by_place
from pipeline.config import ConfigError, ItemToItem

IDS = "item_tower/ids/embeddings"
NEW_ITEM, GONE_ITEM = "item-new", tiny_shop.item_id(0)


def later_splits() -> dict[str, list[dict]]:
    """The shop a week later: an item has left, another has come with a brand of its own, and there is a new store."""
    splits = copy.deepcopy(tiny_shop.splits())
    catalog = splits["catalog"]
    splits["catalog"] = [row for row in catalog if row["item_id"] != [GONE_ITEM]]
    splits["catalog"].append(catalog[3] | {"item_id": [NEW_ITEM], "item_brand": ["brand-new"]})
    for row in splits["train"]:
        row["context_store"] = ["store-new" if row["user_id"] == [tiny_shop.user_id(1)] else row["context_store"][0]]
    return splits


@pytest.fixture(scope="module")
def later(text_modules, tmp_path_factory):
    warm = {"warm_start": {"enabled": True, "epochs": 1, "learning_rate": 0.001}}
    config = tiny_shop.config(text_modules, training=warm)
    return tiny_pipeline.transform(config, later_splits(), tmp_path_factory.mktemp("later"))


def begin(shop, parent: str | None, settings=None):
    """A new model of the shop as its training begins, how that is, and its embeddings' keys."""
    settings = settings or shop.settings
    model, catalogue = tiny_pipeline.untrained(shop, settings)
    names = trainer.feature_names(settings)
    batch = next(iter(dataset.requests(shop.files("train"), shop.graph, names, 16, shuffle_seed=None)))
    begun = warm_start.start(model, parent, batch, catalogue, shop.graph, settings)
    if not begun.is_warm:
        model.compute_loss(batch)
    return model, begun, warm_start._keys(catalogue, shop.graph, settings)


def saved_arrays(folder: str, name: str) -> dict[str, np.ndarray]:
    return dict(np.load(pathlib.Path(folder, warm_start.FOLDER, name)))


@pytest.fixture(scope="module")
def warm(later, saved_model):
    return begin(later, saved_model)


@pytest.fixture(scope="module")
def cold(later):
    return begin(later, None)


def rows_of(model, keys, place: str) -> dict[bytes, np.ndarray]:
    values = by_place(model)[place].numpy()
    return dict(zip(keys[place][: len(values)].tolist(), values, strict=True))


def test_every_embedding_is_carried_over_by_key(warm, saved_model, cold):
    model, begun, keys = warm
    old, old_keys = (saved_arrays(saved_model, name) for name in ("weights.npz", "keys.npz"))
    assert begun.kind == "warm"
    assert {IDS, "item_tower/attributes/0/embeddings"} < begun.rows.keys() == keys.keys() == old_keys.keys()
    for place in keys:
        before = dict(zip(old_keys[place][: len(old[place])].tolist(), old[place], strict=True))
        fresh = rows_of(cold[0], cold[2], place)
        for key, row in rows_of(model, keys, place).items():
            np.testing.assert_array_equal(row, before.get(key, fresh[key]), err_msg=f"{place} {key}")
        assert begun.rows[place].kept + begun.rows[place].new == len(fresh)


def test_what_is_new_has_a_fresh_row_and_what_is_gone_has_none(warm, saved_model):
    model, begun, keys = warm
    rows = rows_of(model, keys, IDS)
    assert GONE_ITEM.encode() not in rows
    assert (begun.rows[IDS].kept, begun.rows[IDS].new, begun.rows[IDS].gone) == (30, 1, 1)  # the unknown is kept, too
    assert not (saved_arrays(saved_model, "weights.npz")[IDS] == rows[NEW_ITEM.encode()]).all(axis=1).any()
    brands = begun.rows["item_tower/attributes/0/embeddings"]
    stores = begun.rows["request_model/query_tower/categorical/context_store/embeddings"]
    assert (brands.new, brands.gone) == (1, 0)
    assert stores.new == 1


def test_all_other_weights_are_the_earlier_models_and_so_are_the_scales(warm, saved_model):
    model, _, keys = warm
    old = saved_arrays(saved_model, "weights.npz")
    variables = by_place(model)
    dense = variables.keys() - keys.keys()
    assert {
        "request_model/ranker/heads/spend/bias",
        "item_tower/output/kernel",
        "item_tower/project_text/kernel",
    } < dense
    assert len(dense) > 25
    for place in dense:
        np.testing.assert_array_equal(variables[place].numpy(), old[place], err_msg=place)
    normalize = model.request_model._ranker.normalize
    assert np.ptp(old["request_model/ranker/normalize/variance"]) > 0
    np.testing.assert_array_equal(np.ravel(normalize.mean), old["request_model/ranker/normalize/mean"])
    np.testing.assert_array_equal(np.ravel(normalize.variance), old["request_model/ranker/normalize/variance"])


def test_an_unchanged_shop_goes_on_from_the_very_same_answers(shop, saved_model):
    model, _, _ = begin(shop, saved_model)
    request = tf.constant([tiny_shop.encode(tiny_shop.request(3, 4))])
    served = tf.saved_model.load(saved_model).signatures["serving_default"](examples=request)
    raw = tf.io.parse_example(request, shop.graph.raw_feature_spec())
    features = {
        name: tf.sparse.to_dense(values) if isinstance(values, tf.SparseTensor) else values
        for name, values in shop.graph.transform_features_layer()(raw).items()
    }
    catalogue = dataset.catalogue(shop.files("catalog"), shop.graph, shop.settings)
    place = {item_id: row for row, item_id in enumerate(catalogue.item_ids)}
    candidates = tf.constant([[place[item] for item in served["item_ids"].numpy()[0]]], tf.int64)
    embedded = model.request_model.embed(features, model.item_tower)
    statistics = tf.gather(tf.constant(catalogue.statistics), candidates)
    raw = model.request_model.rank(embedded, candidates, statistics, model.item_tower(candidates))
    scores = model.request_model.score(model.request_model.predict(raw))
    np.testing.assert_allclose(scores, served["scores"], rtol=1e-4, atol=1e-6)


def run(shop, folder: pathlib.Path, parent: str) -> str:
    args = tiny_pipeline.trainer_args(shop, shop.settings, folder)
    args.base_model = parent
    trainer.run_fn(args)
    return args.serving_model_dir


def test_a_warm_run_trains_by_its_own_section_and_can_be_gone_on_from(later, saved_model, tmp_path, caplog):
    pushed = tmp_path / "pushed" / "1700000000"  # a version folder is all that is needed
    shutil.copytree(saved_model, pushed)
    with caplog.at_level("INFO", logger="absl"):
        trained = run(later, tmp_path / "model", str(pushed))
    epochs = [line for line in caplog.messages if line.startswith("epoch ")]
    assert [line.split(":")[0] for line in epochs] == ["epoch 1 of 1"]
    begun = json.loads(pathlib.Path(trained, warm_start.FOLDER, "start.json").read_text())
    assert (begun["kind"], begun["parent"]) == ("warm", str(pushed))
    before, after = (saved_arrays(folder, "weights.npz") for folder in (saved_model, trained))
    moved = np.abs(after["item_tower/output/kernel"] - before["item_tower/output/kernel"]).max()
    assert 0 < moved < 0.01  # three steps of at most .001 each
    answer = tf.saved_model.load(trained).signatures["similar"](
        item_id=tf.constant([NEW_ITEM]), k=tf.constant([5], tf.int32)
    )
    assert len(set(answer["item_ids"].numpy()[0])) == 5
    assert begin(later, trained)[1].is_warm


def test_a_warm_start_warms_up_for_the_share_of_its_steps_that_a_cold_one_would(later):
    settings = tiny_pipeline.change(later.settings, training={"epochs": 4, "warmup_steps": 20})
    rate = schedule(warm_start.Start(kind="warm").settings(settings).training, steps_an_epoch=10)
    # A cold start would rise for half of its 40 steps; this one has an epoch of 10, and .001 for its highest rate.
    assert [float(rate(step)) for step in (0, 3, 4, 10)] == pytest.approx([0.0002, 0.0008, 0.001, 0.0], abs=1e-8)


@pytest.mark.parametrize("kind", ["warm", "cold"])
def test_a_configuration_that_would_only_warm_up_is_refused_however_training_begins(later, kind):
    settings = tiny_pipeline.change(later.settings, training={"epochs": 4, "warmup_steps": 40})
    with pytest.raises(ConfigError, match=r"training\.warmup_steps"):
        schedule(warm_start.Start(kind=kind).settings(settings).training, steps_an_epoch=10)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s: s.model_copy(update={"features": s.features[:-1]}), "features of the model were others"),
        (lambda s: s.model_copy(update={"heads": s.heads[:1]}), "heads of the model were others"),
        (
            lambda s: tiny_pipeline.change(s, model={"item_to_item": ItemToItem(items=5)}),
            "statistics of the model were others",
        ),
        (lambda s: s.model_copy(update={"popularity_days": 7}), "statistics of the model were others"),
        (lambda s: s.model_copy(update={"positive_kinds": ["click"]}), "positive events of the model were others"),
        (
            lambda s: s.model_copy(update={"history_kinds": ["purchase", "wish"]}),
            "history events of the model were others",
        ),
        (
            lambda s: tiny_pipeline.change(s, model={"rank_units": [9]}),
            r"ranker/\S+ is \(.*where the earlier model has",
        ),
        (
            lambda s: tiny_pipeline.change(s, model={"rank_interactions": False}),
            "the layers were others: request_model",
        ),
        (lambda s: tiny_pipeline.change(s, model={"embedding_dim": 4}), "rows of 4 where the earlier model has 8"),
    ],
)
def test_a_model_of_another_structure_starts_cold_and_says_why(shop, saved_model, change, reason, caplog):
    with caplog.at_level("INFO", logger="absl"):
        model, begun, _ = begin(shop, saved_model, change(shop.settings))
    assert begun.kind == "cold"
    assert re.search(reason, begun.reason), begun.reason
    assert f"Cold start: {begun.reason}" in caplog.messages
    old = saved_arrays(saved_model, "weights.npz")["item_tower/output/bias"]
    assert np.abs(old).max() > 0
    assert np.abs(by_place(model)["item_tower/output/bias"].numpy()).max() == 0  # as initialised


def test_item_to_item_of_another_regularization_means_something_else(shop):
    def meaning(**values) -> dict[str, object]:
        model = {"item_to_item": ItemToItem(**values)}
        return warm_start._meaning(tiny_pipeline.change(shop.settings, model=model))

    assert meaning(items=5, regularization=10) != meaning(items=5, regularization=20)
    assert meaning(regularization=10) == meaning(regularization=20)  # without a model there is nothing to mean


@pytest.mark.parametrize("damage", ["weights.npz", "meaning.json"])
def test_a_damaged_or_older_model_starts_cold(shop, saved_model, tmp_path, damage):
    folder = tmp_path / "model"
    shutil.copytree(pathlib.Path(saved_model, "assets.extra"), folder / "assets.extra")
    file = folder / warm_start.FOLDER / damage
    file.write_bytes(file.read_bytes()[:100])
    assert "cannot be read" in begin(shop, str(folder))[1].reason
    shutil.rmtree(folder / "assets.extra")
    assert "holds no assets.extra/warm_start" in begin(shop, str(folder))[1].reason


def test_a_text_encoder_that_learns_is_carried_over(shop, tmp_path):
    text = shop.settings.model.text.model_copy(update={"training": "full"})
    settings = tiny_pipeline.change(shop.settings, model={"text": text}, training={"epochs": 1})
    trainer.run_fn(tiny_pipeline.trainer_args(shop, settings, tmp_path))
    trained = str(tmp_path / "serving")
    model, begun, _ = begin(shop, trained, settings)
    assert begun.is_warm
    (kernel,) = model.item_tower.text.encoder.trainable_weights
    saved = [array for place, array in saved_arrays(trained, "weights.npz").items() if "text/encoder" in place]
    assert len(saved) == 1
    assert np.abs(saved[0] - np.eye(11)).max() > 0
    np.testing.assert_array_equal(kernel.numpy(), saved[0])


def test_what_a_frozen_encoder_made_of_a_text_is_not_computed_again(later, saved_model, tmp_path):
    encoder = TextEncoder(**later.settings.model.text.model_dump())
    texts = saved_arrays(saved_model, "texts.npz")
    assert len(texts["texts"]) == 31  # one an item, and that of the unknown
    known = warm_start.known_texts(saved_model, encoder, later.settings)
    np.testing.assert_array_equal(known[b"red apple"], encoder(tf.constant(["red apple"]))[0])

    told = []
    ItemText(np.array([b"", b"red apple", b"black lime"]), encoder, lambda done, total: told.append(total), known)
    assert told == []
    text = ItemText(
        np.array([b"", b"red apple", b"red lime fig"]), encoder, lambda done, total: told.append(total), known
    )
    assert told == [1]
    vectors = encoder(tf.constant(["", "red apple", "red lime fig"]))
    np.testing.assert_array_equal(text(tf.constant([0, 1, 2], tf.int64)), vectors)


def test_texts_of_another_encoder_are_encoded_anew(later, saved_model, tmp_path, caplog):
    encoder = TextEncoder(**later.settings.model.text.model_dump())
    shutil.copytree(pathlib.Path(saved_model, "assets.extra"), tmp_path / "assets.extra")
    assert warm_start.known_texts(str(tmp_path), encoder, later.settings)
    file = tmp_path / warm_start.FOLDER / "texts.npz"
    texts = dict(np.load(file))
    np.savez(file, texts=texts["texts"], vectors=texts["vectors"] + 0.1)  # the same handle, other weights behind it
    with caplog.at_level("INFO", logger="absl"):
        assert warm_start.known_texts(str(tmp_path), encoder, later.settings) == {}
    assert "the encoder has changed" in caplog.text
    assert warm_start.known_texts(None, encoder, later.settings) == {}
