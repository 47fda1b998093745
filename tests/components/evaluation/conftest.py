import pytest

from pipeline.config import Config


@pytest.fixture
def shop_config():
    """Makes a configuration with the given `evaluation` section and the least else."""

    def make(**evaluation) -> Config:
        return Config.model_validate(
            {
                "name": "shop",
                "data": {"root": "data"},
                "schema_dir": "schemas",
                "requests": {"positive_events": ["purchase"]},
                "model": {"heads": [{"name": "purchase", "events": ["purchase"]}]},
                "evaluation": evaluation,
            }
        )

    return make
