"""The weights of a model by their place in it, such as `request_model/ranker/heads/purchase/kernel`."""

from collections.abc import Iterator

import tensorflow as tf

from models.joint_model import JointModel

# Data of the catalogue, what of a text encoder does not learn, and random draws belong to every model anew.
_CATEGORIES, _TEXT, _RANDOM = "request_model/categories", "item_tower/text/", "item_tower/random/"


def by_place(model: JointModel) -> dict[str, tf.Variable]:
    """All that a model learns, and the scales that it adapts to its data.

    Places follow the attributes under which layers are kept, not the names that Keras counts up in a process, so the
    same layer has the same place in every process.

    Args:
        model: its layers have created their weights.
    """
    learnt = {id(weight) for weight in model.item_tower.text.encoder.trainable_weights}
    root = tf.train.Checkpoint(item_tower=model.item_tower, request_model=model.request_model)
    return {
        place: variable
        for place, variable in _variables(tf.train.TrackableView(root), root, "", set())
        if place != _CATEGORIES
        and not place.startswith(_RANDOM)
        and (not place.startswith(_TEXT) or id(variable) in learnt)
    }


def _variables(
    view: tf.train.TrackableView, owner: object, place: str, seen: set[int]
) -> Iterator[tuple[str, tf.Variable]]:
    for name, child in view.children(owner).items():
        below = f"{place}/{name.lstrip('_')}".lstrip("/")
        if id(child) in seen:
            continue
        seen.add(id(child))
        if isinstance(child, tf.Variable):
            yield below, child
        else:
            yield from _variables(view, child, below, seen)
