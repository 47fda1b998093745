"""Reads what TFMA hands on of a request: its features and labels, and what each model said."""

from collections.abc import Sequence

import numpy as np
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.api import types
from tensorflow_model_analysis.utils.util import StandardExtracts

from components.evaluation.metrics.heads import CROSS_ENTROPY, Head, JudgedCandidates
from components.evaluation.metrics.request import JudgedRequest
from components.evaluation.model_names import BASELINE

USER_KEY = "user_id"
LABEL_KEY = "label_item_ids"
FIRST_TIME_KEY = "first_time_item_ids"
PAST_KEY = "past_item_ids"
PREDICTION_KEY = "item_ids"
LOG_ODDS_KEY = "candidate_sampling_log_odds"
OF_LABELS_KEY = "of_labels"  # set by `slicing` on a request that stands for some of its labels alone


def ids(name: str, value) -> list[bytes]:
    """Ids of a TFMA value of one example, whose form depends on the other examples of its batch.

    A feature that no example of a batch has is absent or None, one that only this example lacks is empty or [None].
    """
    items = [] if value is None else [item for item in np.ravel(value).tolist() if item not in (None, b"")]
    if items and not isinstance(items[0], bytes):
        raise ValueError(f"'{name}' holds {type(items[0]).__name__} values; ids are compared as bytes, write bytes")
    return items


def read_request(extracts: types.Extracts, model_name: str) -> JudgedRequest:
    """Reads one example's extracts.

    Args:
        extracts: of one request, with features, labels and predictions.
        model_name: whose prediction to read; empty where a single model is evaluated.

    Raises:
        ValueError: the model's signature gives no `item_ids`, or ids are not bytes.
    """
    extracts = StandardExtracts(extracts)
    predictions = extracts.get_predictions(model_name)
    if not isinstance(predictions, dict) or PREDICTION_KEY not in predictions:
        raise ValueError(
            f"model '{model_name or 'candidate'}' gives no output '{PREDICTION_KEY}' among several; "
            "export serving_default with item_ids, scores and reasons"
        )
    features = extracts.get_features()
    user_id = ids(USER_KEY, features.get(USER_KEY))
    return JudgedRequest(
        user_id=user_id[0] if user_id else b"",
        recommended=ids(PREDICTION_KEY, predictions[PREDICTION_KEY]),
        relevant=ids(LABEL_KEY, extracts.get_labels(model_name)),
        first_time=ids(FIRST_TIME_KEY, features.get(FIRST_TIME_KEY)),
        past=ids(PAST_KEY, features.get(PAST_KEY)),
    )


def read_candidates(
    extracts: types.Extracts, model_name: str, heads: Sequence[Head], predicting: Sequence[str]
) -> dict[str, JudgedCandidates]:
    """Reads what a model's heads say of the candidates of one request.

    Args:
        extracts: of one request.
        model_name: whose predictions to read; empty where a single model is evaluated.
        heads: the ranker's.
        predicting: names of the models that were asked about the candidates; TFMA names the answers of several by their
            model, and those of one not at all.

    Returns:
        By head, the candidates that have a label; nothing if the model was not asked, or the request has no candidates.
        A baseline may lack a head that has been declared since, which then has no value there.

    Raises:
        ValueError: the model does not predict as many candidates as there are, or lacks a head and is no baseline.
    """
    if model_name not in predicting:
        return {}
    answer = extracts.get(constants.TRANSFORMED_FEATURES_KEY) or {}
    predictions = answer if len(predicting) == 1 else answer[model_name]
    features = StandardExtracts(extracts).get_features()
    found = {}
    for head in heads:
        labels = _numbers(features.get(f"candidate_{head.name}"))
        if not len(labels):
            continue
        if head.name not in predictions:
            if model_name == BASELINE:
                continue
            raise ValueError(
                f"model '{model_name or 'candidate'}' predicts no '{head.name}'; train a model with the heads that "
                "model.heads now declares"
            )
        predicted = _numbers(predictions[head.name])[: len(labels)]
        log_odds = _numbers(features.get(LOG_ODDS_KEY)) if head.loss == CROSS_ENTROPY else np.zeros(len(labels))
        if not len(labels) == len(predicted) == len(log_odds):
            raise ValueError(
                f"a request has {len(labels)} labels of head '{head.name}', {len(predicted)} predictions and "
                f"{len(log_odds)} log odds of sampling; each of its candidates needs one of each"
            )
        known = np.isfinite(labels)
        found[head.name] = JudgedCandidates(labels[known], predicted[known], log_odds[known])
    return found


def _numbers(value) -> np.ndarray:
    """Numbers of a TFMA value of one example, float64 [n]; see `ids` for its forms."""
    values = np.ravel(np.empty(0) if value is None else value)
    if values.dtype == object:
        values = np.array([number for number in values if number is not None])
    return values.astype(np.float64)
