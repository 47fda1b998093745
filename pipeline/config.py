"""The configuration of a shop: one YAML file, one typed object, validated once at load.

Everything a run depends on is in here, with its default. `load` reports every mistake of a file at once, each with the
key it stands at, and refuses keys it does not know, so that a misspelt option never passes silently.
"""

import hashlib
import pathlib
from typing import Annotated, Literal

import pydantic
import yaml

_SHIPPED = pathlib.Path(__file__).parent / "configs"

Share = Annotated[float, pydantic.Field(ge=0.0, le=1.0)]


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names each key and what it needs."""


class _Section(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class Columns(_Section):
    """Names of the shop's own columns, by the name that the data contract gives them; equal names need no entry."""

    events: dict[str, str] = {}
    items: dict[str, str] = {}
    users: dict[str, str] = {}


class Data(_Section):
    """Where the three tables are: `events/span-N/*.parquet`, `items/*.parquet`, `users/*.parquet` under `root`."""

    root: str
    source: Literal["complete_journey", "movielens"] | None = None  # public data that Shelfwise can write to `root`
    sample: pydantic.PositiveInt | None = None  # shoppers to keep of the public data; None: all
    columns: Columns = Columns()
    first_span: pydantic.NonNegativeInt | None = None  # None: the oldest there is
    last_span: pydantic.NonNegativeInt | None = None  # None: the newest there is
    max_rejected_share: Share = 0.01  # more bad rows than this stop the run


class Feature(_Section):
    """A declared column beyond the contract's own.

    `user` features stand in the users table, `item` features in the items table, `context` features in the events table.
    """

    name: str
    role: Literal["user", "item", "context"]
    kind: Literal["categorical", "numeric", "text"]

    @pydantic.model_validator(mode="after")
    def _text_describes_items(self):
        if self.kind == "text" and self.role != "item":
            raise ValueError(f"feature '{self.name}': text is supported for items; declare it as role: item")
        return self


class Requests(_Section):
    """Which questions the pipeline trains on and is judged by.

    A request stands either at each basket (a session's events, `every: basket`) or at the end of each period of
    `every` days for every shopper known by then; its answer is what the shopper took in the basket, or in the
    `window_days` after the period's end.
    """

    every: Literal["basket"] | pydantic.PositiveInt = "basket"
    window_days: pydantic.PositiveInt = 28
    eval_days: pydantic.PositiveInt = 28  # the newest days, which judge the model and never train it
    validation_share: Share = 0.05  # shoppers held out of training, for early stopping
    history_length: pydantic.PositiveInt = 256
    positive_events: list[str] = pydantic.Field(min_length=1)
    history_events: list[str] = []  # empty: the positive ones
    popularity_days: pydantic.PositiveInt = 28
    positives: pydantic.PositiveInt = 24  # ranking candidates of a training request, by where they come from
    bought_before: pydantic.NonNegativeInt = 24
    popular: pydantic.NonNegativeInt = 8
    random: pydantic.NonNegativeInt = 8

    @property
    def history_kinds(self) -> list[str]:
        """Kinds of event that a shopper's history holds."""
        return self.history_events or self.positive_events


class TextEncoder(_Section):
    """A preprocessor and an encoder of the common TF Hub text API, by handle: a path or a tfhub address."""

    preprocessor: str = ".cache/minilm/preprocessor"
    encoder: str = ".cache/minilm/encoder"
    output: str = "pooled_output"
    training: Literal["frozen", "full"] = "frozen"


class Head(_Section):
    """One task of the ranker.

    `cross_entropy`: did an event of `events` answer the request. `squared_error`: how large was `column` of the
    answering event, for items that were answered at all. The list is ordered by the sum of the heads' predictions
    weighted by `score_weight`.
    """

    name: str
    loss: Literal["cross_entropy", "squared_error"] = "cross_entropy"
    events: list[str] = []
    column: Literal["quantity", "value", "dwell_seconds"] | None = None
    loss_weight: pydantic.NonNegativeFloat = 1.0
    score_weight: float = 1.0

    @pydantic.model_validator(mode="after")
    def _has_a_label(self):
        if (self.loss == "cross_entropy") != bool(self.events):
            raise ValueError(f"head '{self.name}': `events` belongs to cross_entropy heads, and each of them needs it")
        if (self.loss == "squared_error") != (self.column is not None):
            raise ValueError(f"head '{self.name}': `column` belongs to squared_error heads, and each of them needs it")
        return self


class Model(_Section):
    """Sizes of the model."""

    text: TextEncoder = TextEncoder()
    embedding_dim: pydantic.PositiveInt = 64
    id_dropout: Share = 0.1  # how often training hides an item's id, so that the other features carry new items
    attention_length: pydantic.PositiveInt = 64  # newest history events that self-attention reads
    attention_heads: pydantic.PositiveInt = 4
    temperature: pydantic.PositiveFloat = 0.1
    sampled_negatives: pydantic.NonNegativeInt = 1024  # drawn uniformly from the catalogue, beside those of the batch
    rank_units: list[pydantic.PositiveInt] = [128, 64]
    heads: list[Head] = pydantic.Field(min_length=1)


class Training(_Section):
    """How the model is trained."""

    epochs: pydantic.PositiveInt = 5
    batch_size: pydantic.PositiveInt = 256
    learning_rate: pydantic.PositiveFloat = 1e-3
    retrieval_weight: pydantic.NonNegativeFloat = 1.0
    early_stopping_patience: pydantic.PositiveInt = 2
    precision: Literal["float32", "bfloat16"] = "float32"
    strategy: Literal["default", "mirrored", "multi_worker"] = "default"
    seed: int = 42


class Serving(_Section):
    """What the exported graph does with one request."""

    model_name: str = "shelfwise"
    retrieved: pydantic.PositiveInt = 200  # candidates by the two towers, beside the shopper's whole history
    popular: pydantic.NonNegativeInt = 100
    personal_search_weight: pydantic.NonNegativeFloat = 0.1  # of the shopper's taste beside the text's similarity


class Evaluation(_Section):
    """What the Evaluator computes and what it asks of a model before it may be pushed.

    Metric names are `<recall|ndcg|mrr|hit_rate>@<k>`, prefixed with `first_time/` for items that are new to the shopper.
    """

    cutoffs: list[pydantic.PositiveInt] = pydantic.Field(default=[10, 50, 100], min_length=1)
    slices: list[list[str]] = [["shopper"], ["scene"]]
    floors: dict[str, float] = {}
    max_loss: dict[str, pydantic.NonNegativeFloat] = {}  # against the last blessed model, absolute


class Config(_Section):
    """One shop's pipeline."""

    name: str = pydantic.Field(pattern=r"^[a-z][a-z0-9_]*$")
    data: Data
    schema_dir: str  # holds events.pbtxt, items.pbtxt, users.pbtxt; relative to the YAML file
    features: list[Feature] = []
    requests: Requests
    model: Model
    training: Training = Training()
    serving: Serving = Serving()
    evaluation: Evaluation = Evaluation()
    runs_dir: str = "runs"
    example_query: str = ""  # what the demo searches for

    @pydantic.model_validator(mode="after")
    def _names_are_unique(self):
        for what, names in (
            ("feature", [feature.name for feature in self.features]),
            ("head", [head.name for head in self.model.heads]),
        ):
            repeated = sorted({name for name in names if names.count(name) > 1})
            if repeated:
                raise ValueError(f"{what} declared twice: {', '.join(repeated)}")
        if self.model.embedding_dim % self.model.attention_heads:
            raise ValueError("model.embedding_dim must be a multiple of model.attention_heads")
        return self

    def features_of(self, role: str, kind: str | None = None) -> list[str]:
        """Names of the declared features of a role, in their declared order."""
        return [f.name for f in self.features if f.role == role and kind in (None, f.kind)]

    @property
    def run_dir(self) -> pathlib.Path:
        """Where this pipeline keeps its artefacts, metadata and pushed versions."""
        return pathlib.Path(self.runs_dir) / self.name

    @property
    def serving_dir(self) -> pathlib.Path:
        """The version folders that TensorFlow Serving watches."""
        return self.run_dir / "serving" / self.serving.model_name

    def digest(self) -> str:
        """Changes whenever anything configured changes."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def _override(document: dict, dotted: str, value) -> None:
    *parents, last = dotted.split(".")
    for key in parents:
        document = document.setdefault(key, {})
    document[last] = value


def _merge(base: dict, document: dict) -> dict:
    """`document` over `base`, mapping by mapping."""
    both = {key: _merge(base[key], document[key]) for key in base if _is_mapping(base[key], document.get(key))}
    return base | document | both


def _is_mapping(*values) -> bool:
    return all(isinstance(value, dict) for value in values)


def _find(path: str | pathlib.Path) -> pathlib.Path:
    shipped = _SHIPPED / f"{path}.yaml"
    return shipped if shipped.exists() else pathlib.Path(path)


def _read(path: pathlib.Path) -> dict:
    """The file's mapping, over that of the configuration which its key `base` names; paths in it made absolute."""
    try:
        document = yaml.safe_load(path.read_text())
    except (FileNotFoundError, IsADirectoryError):
        names = ", ".join(sorted(shipped.stem for shipped in _SHIPPED.glob("*.yaml")))
        raise ConfigError(f"no configuration file {path}; shipped ones are: {names}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is no valid YAML: {error}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{path} must hold a mapping of keys, such as `name:` and `data:`")
    if "schema_dir" in document:
        document["schema_dir"] = str((path.parent / str(document["schema_dir"])).resolve())
    base = document.pop("base", None)
    return document if base is None else _merge(_read(_find(base)), document)


def load(path: str | pathlib.Path, overrides: dict[str, object] | None = None) -> Config:
    """Reads and checks a configuration file.

    Args:
        path: a YAML file, or the name of one that Shelfwise ships, such as `complete_journey`.
        overrides: values that replace the file's, by dotted key, such as `{"training.epochs": 1}`.

    Raises:
        ConfigError: the file is missing, is no YAML mapping, or a key is unknown, missing or out of range.
    """
    path = _find(path)
    document = _read(path)
    for dotted, value in (overrides or {}).items():
        _override(document, dotted, value)
    try:
        return Config.model_validate(document)
    except pydantic.ValidationError as error:
        lines = [f"  {'.'.join(map(str, e['loc'])) or '(file)'}: {e['msg']}" for e in error.errors()]
        raise ConfigError(f"{path} cannot be used:\n" + "\n".join(lines)) from None
