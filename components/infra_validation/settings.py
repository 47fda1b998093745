"""What InfraValidator needs of the configuration."""

from models.settings import TransformSettings
from pipeline.config import Config


class Settings(TransformSettings):
    """Travels to the executor as JSON, so that it is part of what caching compares; see `pipeline.config_serving`."""

    model_name: str
    validation_requests: int
    max_latency_ms: float
    max_memory_mib: int
    max_model_mib: int
    max_load_seconds: float
    validation_server: list[str]

    @classmethod
    def of(cls, config: Config) -> "Settings":
        """The settings of a shop."""
        names = set(cls.model_fields) - set(TransformSettings.model_fields)
        return cls(**TransformSettings.of(config).model_dump(), **config.serving.model_dump(include=names))
