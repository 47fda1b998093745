import pytest

from pipeline.config import Config


@pytest.fixture(scope="session")
def shop_config():
    """Makes a configuration with the given features, the given `evaluation` section and the least else."""

    def make(features=(), **evaluation) -> Config:
        return Config.model_validate(
            {
                "name": "shop",
                "data": {"root": "data"},
                "schema_dir": "schemas",
                "features": list(features),
                "requests": {"positive_events": ["purchase"]},
                "model": {"heads": [{"name": "purchase", "events": ["purchase"]}]},
                "evaluation": evaluation,
            }
        )

    return make
