"""Makes a model the next version of a folder or a bucket, so that no poller serves a part of it."""

import os

import tensorflow as tf
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from pipeline.config_file import ConfigError

_ASIDE = ".incoming"  # no number, so that servers do not take it for a version
_GRAPH = "saved_model.pb"  # without it, every loader says that there is no model
_FINGERPRINT = "fingerprint.pb"  # which TensorFlow gives every export anew


def check_reachable(base: str) -> None:
    """Checks that versions can be pushed to an address.

    Args:
        base: a folder, which may not be there yet, or the address of a bucket.

    Raises:
        ConfigError: no file system for the address is installed, or it cannot be reached.
    """
    try:
        fileio.exists(base)
    except tf.errors.UnimplementedError:
        scheme = base.partition("://")[0]
        known = ", ".join(f"{name}://" for name in sorted(filter(None, tf.io.gfile.get_registered_schemes())))
        raise ConfigError(
            f"serving.destination {base}: TensorFlow has no file system for {scheme}:// here, only {known}; install "
            "one, or mount the bucket and set the folder"
        ) from None
    except tf.errors.OpError as error:
        raise ConfigError(f"serving.destination {base} cannot be reached: {error.message}") from None


def publish(model: str, base: str, version: str) -> str:
    """Copies a SavedModel to `base` as a version; what failed is removed again.

    A folder gets it in one step: it is copied aside and renamed. Object stores cannot rename, so there `saved_model.pb`
    is written last: until then a server that looks finds a version that is no model, and tries it again later.

    Args:
        model: the SavedModel's folder.
        base: a folder or the address of a bucket.
        version: its number.

    Returns:
        Where the version is.
    """
    final = os.path.join(base, version)
    if "://" in base:
        _write_graph_last(model, final)
    else:
        _write_aside(model, final, aside=os.path.join(base, _ASIDE))
    return final


def newest_if_same(model: str, base: str) -> str | None:
    """The number of the newest version, if that is a copy of this very export; None otherwise.

    So it is when a push was killed after the version had appeared and before that was on record: pushing it once more
    would make servers load what they serve.

    Args:
        model: the SavedModel's folder.
        base: see `publish`.
    """
    names = [name.rstrip("/") for name in fileio.listdir(base)] if fileio.isdir(base) else []
    newest = max((name for name in names if name.isdecimal()), key=int, default=None)
    if newest is None or not fileio.exists(os.path.join(base, newest, _GRAPH)):
        return None
    ours, theirs = (_fingerprint(folder) for folder in (model, os.path.join(base, newest)))
    return newest if ours is not None and ours == theirs else None


def _fingerprint(folder: str) -> bytes | None:
    path = os.path.join(folder, _FINGERPRINT)
    if not fileio.exists(path):
        return None
    with fileio.open(path, "rb") as file:
        return file.read()


def _write_aside(model: str, final: str, aside: str) -> None:
    try:
        io_utils.copy_dir(model, aside)
        fileio.rename(aside, final)
    finally:
        if fileio.exists(aside):
            fileio.rmtree(aside)


def _write_graph_last(model: str, final: str) -> None:
    try:
        io_utils.copy_dir(model, final, deny_regex_patterns=[rf"/{_GRAPH}$"])
        io_utils.copy_file(os.path.join(model, _GRAPH), os.path.join(final, _GRAPH))
    except BaseException:
        if fileio.exists(final):
            fileio.rmtree(final)
        raise
