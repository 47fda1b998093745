"""What the page says, as data: `report.json` holds these objects, with null for values that nothing is known of."""

import datetime
import math

import pydantic

from components.data_gate.report import Finding
from components.evaluation.metrics.names import Measured
from components.evaluation.verdict import Check
from components.infra_validation.report import Report as ServerReport
from components.table_gen.summary import Summary


class Part(pydantic.BaseModel):
    """Something that the page shows, unchangeable once it was read."""

    model_config = pydantic.ConfigDict(frozen=True)


class Gate(Part):
    """One gate and what came of it, with the finding and what to look at in words.

    Attributes:
        check: as the Evaluator wrote it.
        finding: for a refusal, what was found; empty otherwise.
        advice: for a refusal, where to look for its cause; empty otherwise.
    """

    check: Check
    finding: str = ""
    advice: str = ""


class Verdict(Part):
    """Whether the model may be served, and what became of it.

    Attributes:
        blessed: by the Evaluator.
        gates: everything that the model was held against.
        undecided: what the requests were too few to decide, a line each.
        server: what the model did in a server of its own; None if it was not tried.
        pushed_version: under which it was pushed; None if it was not.
    """

    blessed: bool
    gates: list[Gate]
    undecided: list[str]
    server: ServerReport | None = None
    pushed_version: int | None = None

    @property
    def accepted(self) -> bool:
        """Whether nobody refused the model."""
        return self.blessed and (self.server is None or self.server.blessed)


class Slice(Part):
    """What was measured over the requests of one slice.

    Attributes:
        name: such as `shopper=new`, or `overall`.
        features: what it is cut by, such as `shopper`; none for all requests.
        candidate: by metric name, numbers of requests among them.
        baseline: the same of the last blessed model; empty without one.
    """

    name: str
    features: tuple[str, ...] = ()
    candidate: dict[str, Measured]
    baseline: dict[str, Measured]


class PastEvaluation(Part):
    """One evaluation of the pipeline, over all its requests; `span` is the newest of the events that it read."""

    at: datetime.datetime
    span: int | None = None
    blessed: bool
    metrics: dict[str, Measured]


class ListedItem(Part):
    """A place in a list; `taken_before` and `taken_after` are the shopper's, before and after the request."""

    item_id: str
    text: str
    score: float
    reason: str
    taken_before: bool
    taken_after: bool


class ExampleList(Part):
    """What the model recommended to one shopper.

    Attributes:
        user_id: the shopper.
        at: when the request stands in the log.
        num_before: distinct items that the shopper had taken before.
        num_after: those that the shopper took afterwards, which judge the list.
        items: best first.
    """

    user_id: str
    at: datetime.datetime
    num_before: int
    num_after: int
    items: list[ListedItem]


class PopularityGroup(Part):
    """Items next to each other in popularity, and their shares of what was shown and of what was taken afterwards.

    Attributes:
        first_rank: of the group's most popular item, from 1.
        last_rank: of its least popular one.
        shown_share: of all places in the lists.
        taken_share: of all items that shoppers took.
    """

    first_rank: int
    last_rank: int
    shown_share: float
    taken_share: float


class ValueExposure(Part):
    """Items of one value of a feature, such as a brand.

    Attributes:
        value: empty for items that lack one.
        shown_share: of all places in the lists.
        taken_share: of all items that shoppers took.
        offered_share: of the items on offer.
    """

    value: str
    shown_share: float
    taken_share: float
    offered_share: float


class Exposure(Part):
    """Where the places in the lists go.

    Attributes:
        num_requests: how many requests this was counted over.
        length: of the lists.
        groups: from the most popular to the least.
        features: by item feature, the values that most is taken of, descending.
    """

    num_requests: int
    length: int
    groups: list[PopularityGroup]
    features: dict[str, list[ValueExposure]] = {}


class CalibrationBin(Part):
    """Candidates that a head gives a similar probability of an answer.

    Attributes:
        count: how many.
        predicted: their mean probability.
        happened: the share that answered.
    """

    count: int
    predicted: float
    happened: float


class HeadCalibration(Part):
    """What a head of the ranker predicts beside what happens, by probability; bins without candidates are left out."""

    head: str
    bins: list[CalibrationBin]


class Curve(Part):
    """One quantity over the training, by the split that it was measured on; a point is `(epoch, value)`."""

    name: str
    points: dict[str, list[tuple[int, float]]]


class Bin(Part):
    """A range of numbers, and the share of the values that lies in it."""

    low: float
    high: float
    share: float


class Column(Part):
    """A column of a table as StatisticsGen saw it.

    Attributes:
        kind: `text`, `integer`, `number`, or `time` for seconds since 1970.
        missing_share: of the rows.
        distinct: number of values; None for numbers, which are not counted.
        mean, std_dev, least, median, largest: of numbers; None for texts.
        quantiles: of numbers, ranges of about equal share, ascending.
        most_frequent: values of texts and how often each comes, descending; in a second part of a table also those that
            are most frequent in the first.
    """

    name: str
    kind: str
    missing_share: float
    distinct: int | None = None
    mean: float | None = None
    std_dev: float | None = None
    least: float | None = None
    median: float | None = None
    largest: float | None = None
    quantiles: list[Bin] = []
    most_frequent: list[tuple[str, int]] = []


class Split(Part):
    """A part of a table, such as its newest span: how many rows it has, and its columns by name."""

    name: str
    num_rows: int
    columns: list[Column]


class Comparison(Part):
    """A distance between two parts of a table, or between training and serving, and what the schema tolerates.

    Attributes:
        feature: the column, or `(whole table)` for numbers of rows.
        measure: in words.
        value: None where one side had nothing to compare.
        least, most: the tolerated range; `least` is None where there is no least.
    """

    feature: str
    measure: str
    value: float | None
    least: float | None = None
    most: float | None = None

    @property
    def exceeded(self) -> bool:
        """Whether the value is outside of the tolerated range."""
        least, most = (-math.inf if self.least is None else self.least), (math.inf if self.most is None else self.most)
        return self.value is not None and not least <= self.value <= most


class Table(Part):
    """One of the shop's tables, or its logged requests beside those that train.

    Attributes:
        rows: how many were read, accepted and rejected; None for requests.
        splits: its parts, the newest first.
        comparisons: of the first split with the second; empty where there is nothing to compare.
        findings: what broke the schema, or nearly did.
    """

    name: str
    rows: Summary | None
    splits: list[Split]
    comparisons: list[Comparison] = []
    findings: list[Finding] = []


class Artifact(Part):
    """Something that a component put out, by its type and number in ML Metadata."""

    id: int
    type: str
    uri: str


class Step(Part):
    """One execution of a component in the run that made the evaluation.

    Attributes:
        state: `done`, `from the cache`, `failed` or `running`.
        started: when.
        seconds: how long it took.
        settings: what it was run with, by name.
        error: what made it fail, where that is known.
    """

    component: str
    state: str
    started: datetime.datetime
    seconds: float
    inputs: dict[str, list[Artifact]]
    outputs: dict[str, list[Artifact]]
    settings: dict[str, str]
    error: str = ""


class Document(Part):
    """Everything that the page says.

    Attributes:
        pipeline: name of the configuration.
        evaluated_at: when the evaluation was made; a later run may have taken it from the cache.
        cutoffs: lengths at which lists are judged.
        slices: all requests first.
        history: the pipeline's evaluations, oldest first, this one included.
        steps: of the run, in the order in which they ran.
        outcomes: how much of each kind of outcome the judging requests have in the log.
    """

    pipeline: str
    evaluated_at: datetime.datetime
    cutoffs: list[int]
    verdict: Verdict
    slices: list[Slice]
    history: list[PastEvaluation]
    exposure: Exposure
    calibration: list[HeadCalibration] = []
    examples: list[ExampleList]
    curves: list[Curve]
    tables: list[Table]
    steps: list[Step]
    outcomes: dict[str, int] = {}


class DataDocument(Part):
    """What the page about the data of a run says, whether or not the run came to a model.

    Attributes:
        pipeline: name of the configuration.
        started_at: when the run began.
        stopped: the component that failed and ended the run, if one did.
        steps: of the run, in the order in which they ran.
    """

    pipeline: str
    started_at: datetime.datetime
    stopped: Step | None
    tables: list[Table]
    steps: list[Step]

    @property
    def num_errors(self) -> int:
        """Findings that stop a run."""
        return sum(finding.severity == "error" for table in self.tables for finding in table.findings)
