"""The tiny shop, transformed by the real Transform executor and trained by the real trainer, once a session."""

import pathlib

import pytest

import models  # noqa: F401  (picks Keras 2 before anything imports TensorFlow)


@pytest.fixture(scope="session")
def text_modules(tmp_path_factory) -> pathlib.Path:
    """Folder of a text encoder that counts words."""
    import tiny_shop

    folder = tmp_path_factory.mktemp("text_modules")
    tiny_shop.build_text_modules(folder)
    return folder


@pytest.fixture(scope="session")
def shop(text_modules, tmp_path_factory):
    """Its transformed examples, a `tiny_pipeline.Transformed`."""
    import tiny_pipeline
    import tiny_shop

    return tiny_pipeline.transform(tiny_shop.config(text_modules), tiny_shop.splits(), tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def saved_model(shop, tmp_path_factory) -> str:
    """Folder of the exported model."""
    import tiny_pipeline

    return tiny_pipeline.train(shop, tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="session")
def served(saved_model) -> dict:
    """The signatures of the exported model."""
    import tensorflow as tf

    return tf.saved_model.load(saved_model).signatures


@pytest.fixture(scope="session")
def search(shop, tmp_path_factory):
    """A search of three trials over the shop, interrupted after two and then gone on with, a `tiny_search.Search`.

    What each of the two runs logged is in its `messages`.
    """
    import tiny_search

    from models import trainer

    search = tiny_search.Search(shop, tmp_path_factory.mktemp("search"), trials=3, search="grid")
    fit, begun = trainer.fit, []

    def fit_twice(*arguments):
        begun.append(arguments)
        if len(begun) == 3:
            raise KeyboardInterrupt
        return fit(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "fit", fit_twice)
        with pytest.raises(KeyboardInterrupt):
            search.run()
    search.run()
    return search
