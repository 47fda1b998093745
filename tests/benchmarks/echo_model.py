"""A SavedModel whose `recommend` lists the request it was given, so that a list shows what was sent."""

import pathlib

import tensorflow as tf

_STRINGS = tf.TensorSpec([None], tf.string)
_ROWS = tf.TensorSpec([None, None], tf.string)


class Echo(tf.Module):
    """Lists the user, the scene, the store, the moment and k, scored 5 to 1; then each event, and what is excluded."""

    @tf.function(
        input_signature=[
            *(_STRINGS, _ROWS, tf.TensorSpec([None, None], tf.int64), _ROWS, _STRINGS),
            *(tf.TensorSpec([None], tf.int64), _STRINGS, _ROWS, tf.TensorSpec([None], tf.int32)),
        ]
    )
    def recommend(
        self,
        user_id,
        history_item_ids,
        history_timestamps,
        history_events,
        scene,
        timestamp,
        context_store_id,
        exclude_item_ids,
        k,
    ):
        events = tf.strings.join(
            [history_item_ids, tf.strings.as_string(history_timestamps), history_events], separator=" "
        )
        head = [user_id, "scene " + scene, "store " + context_store_id, "moment " + tf.strings.as_string(timestamp)]
        excluded = tf.where(exclude_item_ids == "", "", "not " + exclude_item_ids)
        ids = tf.concat([tf.stack([*head, "k " + tf.strings.as_string(k)], 1), events, excluded], axis=1)
        ids = tf.where(ids == " 0 ", "", ids)  # padding of a shorter history
        places = tf.range(tf.shape(ids)[1])
        scores = tf.cast(tf.maximum(5 - places, 0), tf.float32) + tf.zeros(tf.shape(ids))
        return {"item_ids": ids, "scores": scores, "reasons": tf.zeros_like(ids)}


def export(folder: pathlib.Path) -> pathlib.Path:
    """Writes the model."""
    model = Echo()
    tf.saved_model.save(model, str(folder), signatures={"recommend": model.recommend})
    return folder
