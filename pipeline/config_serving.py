"""The section `serving`: what the exported graph does, and what a server of it has to stand up to."""

import re

import pydantic

from pipeline.config_section import Section, Share

_BATCH_SIZES = [1, 2, 4, 8, 16, 32]
_MAX_BATCH_SIZES = 200  # with five signatures, a record each: TensorFlow Serving takes at most 1000 warm-up records


class ServedModel(Section):
    """What is exported; when it changes, the model is trained and exported anew."""

    model_name: str = pydantic.Field(default="shelfwise", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")  # also a folder
    retrieved: pydantic.PositiveInt = 200  # candidates by the two towers, beside the shopper's whole history
    popular: pydantic.NonNegativeInt = 100
    approximate_above: pydantic.NonNegativeInt = 100_000  # so many items are searched exactly, more by partitions,
    scanned: pydantic.PositiveInt = 8192  # of which the nearest, with so many items, are scored
    diversity: Share = 0.0  # of recommended lists; 0 leaves the ranker's order, .2 avoids copies at little cost
    personal_search_weight: pydantic.NonNegativeFloat = 0.1  # of the shopper's taste beside the text's similarity
    # `similar` goes by text and by behaviour alike for an item taken so often, and the more by text the fewer took it;
    similar_text_takings: pydantic.NonNegativeFloat = 30.0  # 0: by behaviour alone
    # The batches that the model is warmed up with when it is loaded: `allowed_batch_sizes` of a server that batches.
    batch_sizes: list[pydantic.PositiveInt] = pydantic.Field(
        default=_BATCH_SIZES, min_length=1, max_length=_MAX_BATCH_SIZES
    )

    @pydantic.field_validator("batch_sizes")
    @classmethod
    def _batch_sizes_ascend(cls, sizes: list[int]) -> list[int]:
        if sizes != sorted(set(sizes)):
            raise ValueError(f"must ascend, each size once, as in {_BATCH_SIZES}; not {sizes}")
        return sizes

    @pydantic.model_validator(mode="after")
    def _search_reaches_what_it_retrieves(self):
        if self.scanned < self.retrieved:
            raise ValueError(f"`scanned` {self.scanned} must be at least `retrieved` {self.retrieved}")
        return self


class Serving(ServedModel):
    """What is exported, what a server that loaded it has to keep to before it may be pushed, and where to.

    The limits are generous, since they hold on whichever machine the pipeline runs: they catch a model that would take
    a server down, and are to be tightened to what the shop promises. Latency is that of one request at a time, as the
    client sees it; memory is the server's peak, which the runtime itself takes about 800 MiB of.
    """

    destination: str = ""  # a folder or a bucket, such as gs://shop/models/shelfwise; empty: below `runs_dir`
    validation_requests: pydantic.PositiveInt = 50  # asked of each signature of a candidate
    max_latency_ms: pydantic.PositiveFloat = 5000.0  # of 99 in 100 of these requests, for each signature
    max_memory_mib: pydantic.PositiveInt = 8192
    max_model_mib: pydantic.PositiveInt = 4096  # of the SavedModel's files, which every server fetches and keeps
    max_load_seconds: pydantic.PositiveFloat = 300.0  # from the server's start until it answers
    # The server that validates: a command that takes TensorFlow Serving's flags, such as [tensorflow_model_server].
    validation_server: list[str] = []  # empty: the embedded server

    @property
    def served_model(self) -> ServedModel:
        """The part that decides what is exported."""
        return ServedModel(**self.model_dump(include=set(ServedModel.model_fields)))

    @property
    def is_remote(self) -> bool:
        """Whether `destination` is the address of a bucket rather than a folder."""
        return re.match(r"^[a-z][a-z0-9+.-]*://", self.destination) is not None
