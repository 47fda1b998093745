"""The configuration of a shop: one YAML file, one typed object, validated once at load.

Everything a run depends on is in here, with its default. `load` reports every mistake of a file at once, each with the
key it stands at, and refuses keys it does not know, so that a misspelt option never passes silently.
"""

import pathlib
from collections.abc import Mapping
from typing import Annotated, Literal

import pydantic

from pipeline import config_checks, config_file
from pipeline.config_beam import Beam
from pipeline.config_evaluation import Evaluation
from pipeline.config_file import ConfigError
from pipeline.config_funnel import Funnel
from pipeline.config_kubeflow import Kubeflow
from pipeline.config_section import Section, Share, known_keys
from pipeline.config_serving import Serving
from pipeline.config_training import Training
from pipeline.config_tuning import Tuning

Identifier = Annotated[str, pydantic.Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]

_SCHEMAS = ("events.pbtxt", "items.pbtxt", "users.pbtxt")


class Columns(Section):
    """Names of the shop's own columns, by the name that the data contract gives them; equal names need no entry."""

    events: dict[str, str] = {}
    items: dict[str, str] = {}
    users: dict[str, str] = {}


class Data(Section):
    """Where the three tables are: `events/span-N/*.parquet`, `items/*.parquet`, `users/*.parquet` under `root`."""

    root: str
    source: Literal["complete_journey", "movielens"] | None = None  # public data that Shelfwise can write to `root`
    sample: pydantic.PositiveInt | None = None  # shoppers to keep of the public data; None: all
    columns: Columns = Columns()
    first_span: pydantic.NonNegativeInt | None = None  # None: the oldest there is
    last_span: pydantic.NonNegativeInt | None = None  # None: the newest there is
    window_spans: pydantic.PositiveInt | None = None  # so many spans, ending at the last one, are read; None: all
    max_rejected_share: Share = 0.01  # more bad rows than this stop the run
    min_compared_rows: pydantic.PositiveInt = 1000  # drift that fewer rows show may be chance, and only warns
    serving_logs: str | None = None  # folder of logged requests, as Parquet in the contract of the signatures
    min_compared_requests: pydantic.PositiveInt = 1000  # as `min_compared_rows`, for skew against the logs

    @pydantic.model_validator(mode="after")
    def _samples_public_data_only(self):
        if self.sample is not None and self.source is None:
            raise ValueError("`sample` thins out public data, so it needs a `source`; bring fewer rows of your own")
        return self

    @pydantic.model_validator(mode="after")
    def _spans_are_in_order(self):
        if None not in (self.first_span, self.last_span) and self.first_span > self.last_span:
            raise ValueError(f"`first_span` {self.first_span} comes after `last_span` {self.last_span}")
        return self


class Feature(Section):
    """A declared column beyond the contract's own.

    `user` features stand in the users table, `item` features in the items table, `context` features in events. One that
    does not `train` is still there to slice evaluations by, or as a text to search in.
    """

    name: Identifier
    role: Literal["user", "item", "context"]
    kind: Literal["categorical", "numeric", "text"]
    train: bool = True

    @pydantic.model_validator(mode="after")
    def _can_be_carried(self):
        config_checks.not_reserved(self.role, self.name)
        if self.kind == "text" and self.role != "item":
            raise ValueError(f"feature '{self.name}': only items have texts; make it categorical, or of role item")
        return self


class Requests(Section):
    """Which questions the pipeline trains on and is judged by.

    A request stands either at each basket (a session's events, `every: basket`) or at the end of each period of
    `every` days for every shopper who answers it; its answer is what the shopper took in the basket, or in the
    `window_days` after the period's end.
    """

    every: Annotated[Literal["basket"] | pydantic.PositiveInt, pydantic.WrapValidator(config_checks.basket_or_days)] = (
        "basket"
    )
    window_days: pydantic.PositiveInt = 28
    eval_days: pydantic.PositiveInt = 28  # the newest days, which judge the model and never train it
    warm_up_days: pydantic.NonNegativeInt = 0  # the log's first days, whose requests know too little to train on
    validation_share: Share = 0.05  # shoppers held out of training, for early stopping
    history_length: pydantic.PositiveInt = 1024
    positive_events: list[str] = pydantic.Field(min_length=1)
    history_events: list[str] = []  # empty: the positive ones
    funnel: Funnel = Funnel()
    popularity_days: pydantic.PositiveInt = 28
    positives: pydantic.PositiveInt = 24  # ranking candidates of a training request: at most so many that answered,
    bought_before: pydantic.PositiveInt = 32  # and of those that did not, from the shopper's history,
    popular: pydantic.PositiveInt = 16  # from what was popular in those weeks,
    random: pydantic.PositiveInt = 16  # and from the whole catalogue

    @property
    def history_kinds(self) -> list[str]:
        """Kinds of event that a shopper's history holds."""
        return self.history_events or self.positive_events


class TextEncoder(Section):
    """A preprocessor and an encoder of the common TF Hub text API, by handle: a path or a tfhub address."""

    preprocessor: str = ".cache/minilm/preprocessor"
    encoder: str = ".cache/minilm/encoder"
    output: str = "pooled_output"
    training: Literal["frozen", "full"] = "frozen"


class Head(Section):
    """One task of the ranker.

    `cross_entropy`: did an event of `events` answer the request. `squared_error`: how large was `column` of the
    answering event, for items that were answered at all. The list is ordered by the sum of the heads' predictions
    weighted by `score_weight`.
    """

    name: Identifier
    loss: Literal["cross_entropy", "squared_error"] = "cross_entropy"
    events: list[str] = []
    column: Literal["quantity", "value", "dwell_seconds"] | None = None
    loss_weight: pydantic.NonNegativeFloat = 1.0
    score_weight: float = 1.0

    @pydantic.model_validator(mode="after")
    def _has_a_label(self):
        config_checks.not_reserved("head", self.name)
        if (self.loss == "cross_entropy") != bool(self.events):
            raise ValueError(f"head '{self.name}': `events` belongs to cross_entropy heads, and each of them needs it")
        if (self.loss == "squared_error") != (self.column is not None):
            raise ValueError(f"head '{self.name}': `column` belongs to squared_error heads, and each of them needs it")
        return self


class ItemToItem(Section):
    """What others took beside the items of a shopper: what says most of items that are new to them.

    The model is linear and exact: it holds a number of four bytes for each pair of the items that it covers, in the
    exported graph as well (1.6 GB for the most that there may be), and time to fit goes by the third power of them.
    """

    items: int = pydantic.Field(default=0, ge=0, le=20_000)  # covered, those that most shoppers took; 0: no such model
    regularization: pydantic.PositiveFloat = 100.0  # in shoppers: how many must agree before an item counts
    retrieved: pydantic.NonNegativeInt = 100  # candidates by it, beside those by the two towers


class Model(Section):
    """Sizes of the model."""

    text: TextEncoder = TextEncoder()
    embedding_dim: pydantic.PositiveInt = 64
    id_dropout: Share = 0.1  # how often training hides an item's id, so that the other features carry new items
    attention_length: pydantic.PositiveInt = 64  # newest history events that self-attention reads
    attention_heads: pydantic.PositiveInt = 4
    temperature: pydantic.PositiveFloat = 0.1
    retrieval_positives: pydantic.PositiveInt = 4  # of each request's answers, a retrieval step learns at most so many
    sampled_negatives: pydantic.NonNegativeInt = 1024  # drawn uniformly from the catalogue, beside those of the batch
    rank_units: list[pydantic.PositiveInt] = [128, 64]
    rank_interactions: bool = True  # whether the ranker sees embeddings by dimension, or only how well they agree
    item_to_item: ItemToItem = ItemToItem()
    heads: list[Head] = pydantic.Field(min_length=1)

    @pydantic.field_validator("heads")
    @classmethod
    def _heads_are_unique(cls, heads: list[Head]) -> list[Head]:
        config_checks.unique(head.name for head in heads)
        return heads

    @pydantic.model_validator(mode="after")
    def _heads_of_attention_share_the_dimensions(self):
        if self.embedding_dim % self.attention_heads:
            raise ValueError(
                f"`embedding_dim` {self.embedding_dim} must be a multiple of `attention_heads` {self.attention_heads}"
            )
        return self


class Config(Section):
    """One shop's pipeline. Paths are relative to the working directory, but for `schema_dir`."""

    name: str = pydantic.Field(pattern=r"^[a-z][a-z0-9_]*$")
    data: Data
    schema_dir: str  # of the three tables' schemas, such as events.pbtxt; relative to the YAML file
    features: list[Feature] = []
    requests: Requests
    model: Model
    training: Training = Training()
    tuning: Tuning | None = None  # none: the values are as configured
    serving: Serving = Serving()
    evaluation: Evaluation = Evaluation()
    beam: Beam = Beam()
    kubeflow: Kubeflow = Kubeflow()
    runs_dir: str = "runs"
    example_query: str = ""  # what the demo searches for

    @pydantic.field_validator("features")
    @classmethod
    def _features_are_unique(cls, features: list[Feature]) -> list[Feature]:
        config_checks.unique(feature.name for feature in features)
        return features

    @pydantic.field_validator("tuning")
    @classmethod
    def _tuning_is_of_these_keys(cls, tuning: Tuning | None, info: pydantic.ValidationInfo) -> Tuning | None:
        sections = {name: info.data[name] for name in ("model", "training") if name in info.data}
        if tuning and len(sections) == 2:
            tuning.check(sections, [head.name for head in sections["model"].heads])
        return tuning

    @pydantic.field_validator("evaluation")
    @classmethod
    def _evaluation_is_of_these_features(cls, evaluation: Evaluation, info: pydantic.ValidationInfo) -> Evaluation:
        if "features" in info.data:
            features: list[Feature] = info.data["features"]
            evaluation.check(
                requests=[f"{f.role}_{f.name}" for f in features if f.role != "item"],
                categories=[f.name for f in features if (f.role, f.kind) == ("item", "categorical")],
                heads={head.name: head.loss for head in info.data["model"].heads} if "model" in info.data else {},
            )
        return evaluation

    @pydantic.field_validator("beam")
    @classmethod
    def _workers_reach_the_data(cls, beam: Beam, info: pydantic.ValidationInfo) -> Beam:
        if "data" in info.data:
            beam.check(info.data["data"].root)
        return beam

    def features_of(self, role: str, kind: str | None = None) -> list[str]:
        """Names of the declared features of a role, in their declared order."""
        return [f.name for f in self.features if f.role == role and kind in (None, f.kind)]

    def served_context(self, kind: str | None = None) -> list[str]:
        """Names of the context features that a request to the served model carries."""
        return [f.name for f in self.features if f.role == "context" and f.train and kind in (None, f.kind)]

    @property
    def run_dir(self) -> pathlib.Path:
        """Where this pipeline keeps its artefacts, metadata and pushed versions."""
        return pathlib.Path(self.runs_dir) / self.name

    @property
    def artifacts_root(self) -> str:
        """Where the pipeline's artefacts are written: an absolute folder, or the address of a bucket."""
        root = self.beam.artifacts_root
        return root if "://" in root else str(pathlib.Path(root or self.run_dir / "artifacts").absolute())

    @property
    def checkpoint_dir(self) -> str:
        """Where an interrupted training leaves what the next run goes on from: an absolute folder, a bucket, or "".

        Empty stands for leaving nothing.
        """
        if self.training.checkpoint_seconds is None:
            return ""
        root = self.training.checkpoint_dir
        if root or "://" in self.artifacts_root:
            return f"{root or self.artifacts_root}/{self.name}/checkpoints"
        return str((self.run_dir / "checkpoints").absolute())

    @property
    def serving_dir(self) -> pathlib.Path:
        """The folder of versions that servers on this machine watch.

        Raises:
            ConfigError: versions are pushed to a bucket.
        """
        if self.serving.is_remote:
            raise ConfigError(
                f"serving.destination is {self.serving.destination}, and the embedded server reads folders; serve it "
                "with TensorFlow Serving, or set a folder"
            )
        return pathlib.Path(self.serving.destination or self.run_dir / "serving" / self.serving.model_name)

    @property
    def destination(self) -> str:
        """Where versions are pushed: an absolute folder, or the address of a bucket."""
        return self.serving.destination if self.serving.is_remote else str(self.serving_dir.absolute())


def load(path: str | pathlib.Path, overrides: Mapping[str, object] | None = None) -> Config:
    """Reads and checks a configuration file.

    Args:
        path: a YAML file, or the name of one that Shelfwise ships, such as `complete_journey`.
        overrides: values that replace the file's, by dotted key, such as `{"training.epochs": 1}`.

    Raises:
        ConfigError: the file is missing, is no YAML mapping, or keys are unknown, missing, of a wrong type or out of
            range; the message names all of them.
    """
    document = config_file.read(path, overrides or {})
    try:
        config = Config.model_validate(document)
    except pydantic.ValidationError as error:
        raise ConfigError(f"{path} cannot be used:\n{config_file.mistakes(error, known_keys())}") from None
    schemas = _SCHEMAS if config.data.serving_logs is None else (*_SCHEMAS, "requests.pbtxt")
    missing = [name for name in schemas if not (pathlib.Path(config.schema_dir) / name).is_file()]
    if missing:
        raise ConfigError(f"{path} cannot be used:\n  schema_dir: {config.schema_dir} has no {', '.join(missing)}")
    return config
