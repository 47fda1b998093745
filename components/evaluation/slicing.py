"""Slices that a request's own features do not tell: how active its shopper is, and which of the taken items count.

A slice by what was taken, such as `label_rarity` or `label_department`, judges the same lists by those taken items
alone that are rare, or of the department: a request is handed on once more for each kind of item that it was answered
by, with those labels only. Such a slice says how many of these items are found; what lists are like, what is exposed
and what the heads predict stay with the requests as a whole.
"""

import dataclasses
import json
from collections.abc import Iterator, Sequence

import apache_beam as beam
import numpy as np
import tensorflow as tf
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.api import model_eval_lib, types
from tensorflow_model_analysis.extractors import extractor, slice_key_extractor
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.slicer import slicer_lib
from tensorflow_model_analysis.utils.util import StandardExtracts

from components.evaluation.extracts import FIRST_TIME_KEY, LABEL_KEY, OF_LABELS_KEY, PAST_KEY, ids
from components.evaluation.metrics import catalogue_files
from components.evaluation.metrics.catalogue import Catalogue
from pipeline.config_evaluation import ACTIVITY, LABEL_PREFIX, RARITY

_DECILES = 10
_MOST_VALUES = 20  # of an item feature have a slice of their own: those that are taken most
_OTHERS, _UNKNOWN = "other", "unknown"
_READ_BATCH = 4096


def activity_bounds(pattern: str) -> list[int]:
    """The most items that a shopper of each decile but the last had taken before the request: ascending int [9].

    Args:
        pattern: of the files of the split `eval`, GZIP TFRecords of request examples.
    """
    counts = [np.empty(0, np.int64)]
    records = tf.data.TFRecordDataset(sorted(tf.io.gfile.glob(pattern)), "GZIP").batch(_READ_BATCH)
    spec = {PAST_KEY: tf.io.RaggedFeature(tf.string)}
    for batch in records.map(lambda serialized: tf.io.parse_example(serialized, spec)):
        counts.append(batch[PAST_KEY].row_lengths().numpy())
    taken = np.concatenate(counts)
    if not len(taken):
        return [0] * (_DECILES - 1)
    return np.quantile(taken, np.arange(1, _DECILES) / _DECILES, method="inverted_cdf").astype(int).tolist()


def activity(bounds: Sequence[int], count: int) -> str:
    """The decile of a shopper who had taken `count` items, such as `03 (12 to 20)`; deciles of equal bounds are one."""
    place = int(np.searchsorted(bounds, count, side="left"))
    least = bounds[place - 1] + 1 if place else 0
    span = f"{least} to {bounds[place]}" if place < len(bounds) else f"{least} or more"
    return f"{place + 1:02} ({span})"


def custom_extractors(eval_shared_model, eval_config: config_pb2.EvalConfig, tensor_adapter_config=None):
    """TFMA's extractors with slicing of our own; TFX's Evaluator finds this function by its name."""
    default = model_eval_lib.default_extractors(
        eval_shared_model=eval_shared_model, eval_config=eval_config, tensor_adapter_config=tensor_adapter_config
    )
    assert default[-1].stage_name == slice_key_extractor.SLICE_KEY_EXTRACTOR_STAGE_NAME
    settings = json.loads(eval_config.metrics_specs[0].metrics[0].config)
    slicing = _Slicing(
        [tuple(spec.feature_keys) for spec in eval_config.slicing_specs],
        tuple(settings["activity"]),
        settings["catalogue"],
    )
    slices = extractor.Extractor(
        stage_name=slice_key_extractor.SLICE_KEY_EXTRACTOR_STAGE_NAME, ptransform=beam.ParDo(_ToSlices(slicing))
    )
    return [*default[:-1], slices]


@dataclasses.dataclass(frozen=True)
class _Slicing:
    """What to slice by; every worker gets it."""

    slices: list[tuple[str, ...]]
    activity_bounds: tuple[int, ...]
    catalogue: str

    def by_label(self) -> dict[tuple[str, ...], list[tuple[str, ...]]]:
        """The slices, by what of the taken items they are cut by; those of requests as a whole under ()."""
        found: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        for features in self.slices:
            found.setdefault(tuple(name for name in features if name.startswith(LABEL_PREFIX)), []).append(features)
        return found


class _ToSlices(beam.DoFn):
    """Gives each request the keys of its slices, once as a whole and once for each kind of item that was taken."""

    def __init__(self, slicing: _Slicing):
        self._slicing = slicing

    def setup(self) -> None:
        self._specs = {
            of_labels: [slicer_lib.SingleSliceSpec(columns=features) for features in slices]
            for of_labels, slices in self._slicing.by_label().items()
        }
        by_features = {name.removeprefix(LABEL_PREFIX) for of_labels in self._specs for name in of_labels} - {RARITY}
        self._kinds: dict[str, dict[bytes, str]] = {}
        if any(self._specs):
            found = catalogue_files.read(self._slicing.catalogue, None, tuple(sorted(by_features)))
            self._kinds = {f"{LABEL_PREFIX}{name}": _kinds(found, name) for name in sorted(by_features)}
            self._kinds[f"{LABEL_PREFIX}{RARITY}"] = found.by_item(
                [("rare" if is_rare else "common") for is_rare in found.rare.tolist()]
            )

    def process(self, extracts: types.Extracts) -> Iterator[types.Extracts]:
        features = StandardExtracts(extracts).get_features()
        if self._slicing.activity_bounds:
            taken = len(ids(PAST_KEY, features.get(PAST_KEY)))
            features = {**features, ACTIVITY: np.array([activity(self._slicing.activity_bounds, taken)])}
        yield _with_keys({**extracts, constants.FEATURES_KEY: features}, self._specs.get((), []))
        for of_labels, specs in self._specs.items():
            if of_labels:
                yield from self._by_label({**extracts, constants.FEATURES_KEY: features}, of_labels, specs)

    def _by_label(self, extracts, of_labels: tuple[str, ...], specs) -> Iterator[types.Extracts]:
        features = extracts[constants.FEATURES_KEY]
        groups: dict[tuple[str, ...], list[bytes]] = {}
        for item in _labels(extracts):
            kind = tuple(self._kinds[name].get(item, _UNKNOWN) for name in of_labels)
            groups.setdefault(kind, []).append(item)
        first_time = set(ids(FIRST_TIME_KEY, features.get(FIRST_TIME_KEY)))
        for kind, items in groups.items():
            told = {name: np.array([value]) for name, value in zip(of_labels, kind, strict=True)}
            told[FIRST_TIME_KEY] = np.array([item for item in items if item in first_time], object)
            part = {**extracts, constants.FEATURES_KEY: {**features, **told}, OF_LABELS_KEY: True}
            part[constants.LABELS_KEY] = _restricted(extracts[constants.LABELS_KEY], np.array(items, object))
            yield _with_keys(part, specs)


def _with_keys(extracts: types.Extracts, specs: Sequence[slicer_lib.SingleSliceSpec]) -> types.Extracts:
    keys = slicer_lib.get_slices_for_features_dicts([], extracts[constants.FEATURES_KEY], specs)
    return {**extracts, constants.SLICE_KEY_TYPES_KEY: slicer_lib.slice_keys_to_numpy_array(sorted(set(keys)))}


def _labels(extracts: types.Extracts) -> list[bytes]:
    labels = extracts[constants.LABELS_KEY]
    return ids(LABEL_KEY, next(iter(labels.values())) if isinstance(labels, dict) else labels)


def _restricted(labels, items: np.ndarray):
    """The labels in TFMA's own form, by model where there are several."""
    return dict.fromkeys(labels, items) if isinstance(labels, dict) else items


def _kinds(catalogue: Catalogue, feature: str) -> dict[bytes, str]:
    """The value of a feature by item; values beyond those that are taken most are one."""
    groups, values = catalogue.groups[feature], catalogue.values[feature]
    takings = np.bincount(groups, catalogue.popularity, len(values))
    kept = set(np.argsort(-takings, kind="stable")[:_MOST_VALUES].tolist())
    words = [
        (value.decode() or _UNKNOWN) if number in kept else _OTHERS for number, value in enumerate(values.tolist())
    ]
    return catalogue.by_item([words[number] for number in groups.tolist()])
