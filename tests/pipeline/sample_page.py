"""A document with a bit of everything that a page can say, written by hand."""

import datetime
import math

from components.data_gate.report import Finding
from components.evaluation.metrics.names import Measured
from components.evaluation.verdict import Check
from components.infra_validation.report import Report as ServerReport
from components.table_gen.summary import Summary
from pipeline.page import document as doc

NOON = datetime.datetime(2026, 11, 22, 12, tzinfo=datetime.UTC)
HOSTILE = "<script>alert('x')</script> & \"milk\""
METRICS = ("recall", "ndcg", "mrr", "hit_rate", "precision", "map")


def metrics(requests: int, **values: Measured) -> dict[str, Measured]:
    """Every metric of right lists at 2 and 5: those given, with `_at_` for `@` and `first_time_` for the group."""
    given = {name.replace("_at_", "@").replace("first_time_", "first_time/"): value for name, value in values.items()}
    found = {group + "requests": Measured(requests) for group in ("", "first_time/")}
    for group in ("", "first_time/"):
        found |= {f"{group}{metric}@{k}": Measured(0.5) for k in (2, 5) for metric in METRICS}
    return found | given


def slices() -> list[doc.Slice]:
    """All requests, 30 of new shoppers who lost and 9 of returning ones too few for an interval."""
    overall = metrics(
        39,
        ndcg_at_2=Measured(0.4, 0.375, 0.425, 0.02, 0.01, 0.03),
        novelty_at_2=Measured(11.5, 11.0, 12.0, 0.25, 0.125, 0.375),
    ) | {"purchase/auc": Measured(0.8125, 0.75, 0.875), "purchase/calibration_error": Measured(0.0625)}
    new = metrics(30, ndcg_at_2=Measured(0.25, 0.2, 0.3, -0.05, -0.0625, -0.0375))
    returning = metrics(9, ndcg_at_2=Measured(0.9, change=0.3), first_time_ndcg_at_2=Measured(math.nan))
    baseline = {"ndcg@2": Measured(0.38)}
    return [
        doc.Slice(name="overall", candidate=overall, baseline=baseline),
        doc.Slice(name="shopper=new", features=("shopper",), candidate=new, baseline=baseline),
        doc.Slice(name="shopper=returning", features=("shopper",), candidate=returning, baseline=baseline),
    ]


def sliced_further() -> list[doc.Slice]:
    """The same with two deciles of activity, and what was taken by rarity."""
    parts = [("activity", "01 (0 to 3)"), ("activity", "02 (4 or more)"), ("label_rarity", "rare")]
    measured = [metrics(9, ndcg_at_2=Measured(value, value - 0.1, value + 0.1)) for value in (0.2, 0.3, 0.4)]
    return slices() + [
        doc.Slice(name=f"{feature}={value}", features=(feature,), candidate=candidate, baseline={})
        for (feature, value), candidate in zip(parts, measured, strict=True)
    ]


def verdict() -> doc.Verdict:
    """A refusal, beside a check that passed and one that was left undecided."""
    common = {"metric": "ndcg@2", "threshold": 0.02}
    new, returning = (("shopper", "new"),), (("shopper", "returning"),)
    lost = {"value": 0.25, "reference": 0.3, "change": -0.05, "low": -0.0625, "high": -0.0375}
    return doc.Verdict(
        blessed=False,
        gates=[
            doc.Gate(check=Check(gate="max_loss", slice=(), outcome="passed", value=0.4, requests=39, **common)),
            doc.Gate(
                check=Check(gate="slice_max_loss", slice=new, outcome="refused", requests=30, **lost, **common),
                finding="ndcg@2 (shopper=new) lost too much",
                advice="look at new shoppers",
            ),
            doc.Gate(
                check=Check(
                    gate="slice_max_loss",
                    slice=returning,
                    outcome="undecided",
                    reason="too_few_requests",
                    value=0.9,
                    requests=9,
                    **common,
                )
            ),
        ],
        undecided=["slice_max_loss of ndcg@2, too few requests: shopper=returning"],
        server=ServerReport(load_seconds=2.5, latency_ms={"recommend": 7.0}, memory_mib=1234, model_mib=56.4),
    )


def sample(**changes) -> doc.Document:
    """The document, with some of its fields replaced."""
    listed = doc.ListedItem(
        item_id="i1", text=HOSTILE, score=0.75, reason="for you", taken_before=False, taken_after=True
    )
    artifact = doc.Artifact(id=7, type="Examples", uri="artifacts/EventsGen/examples/1")
    step = {"state": "done", "started": NOON, "seconds": 75.0, "settings": {"settings": '{"window": {"days": 28}}'}}
    fields = {
        "pipeline": "corner_shop",
        "evaluated_at": NOON,
        "cutoffs": [2, 5],
        "verdict": verdict(),
        "slices": slices(),
        "history": [
            doc.PastEvaluation(
                at=NOON, span=span, blessed=blessed, metrics={"ndcg@2": Measured(value, value - 0.1, value + 0.1)}
            )
            for blessed, value, span in ((True, 0.3, 3), (False, 0.4, None))
        ],
        "exposure": doc.Exposure(
            num_requests=39,
            length=2,
            groups=[
                doc.PopularityGroup(first_rank=1, last_rank=10, shown_share=0.75, taken_share=0.5),
                doc.PopularityGroup(first_rank=11, last_rank=40, shown_share=0.25, taken_share=0.5),
            ],
            features={
                "brand": [
                    doc.ValueExposure(value=HOSTILE, shown_share=0.625, taken_share=0.75, offered_share=0.5),
                    doc.ValueExposure(value="", shown_share=0.375, taken_share=0.25, offered_share=0.5),
                ]
            },
        ),
        "calibration": [
            doc.HeadCalibration(
                head="purchase",
                bins=[
                    doc.CalibrationBin(count=900, predicted=0.05, happened=0.0625),
                    doc.CalibrationBin(count=100, predicted=0.75, happened=0.5),
                ],
            )
        ],
        "examples": [doc.ExampleList(user_id="u1", at=NOON, num_before=1, num_after=3, items=[listed])],
        "curves": [doc.Curve(name="joint_loss", points={"train": [(1, 3.0), (2, 2.0)], "validation": [(1, 3.5)]})],
        "tables": [
            doc.Table(
                name="events",
                rows=Summary(table="events", span=4, spans=3, read=10, accepted=8, rejected={"item_id: is missing": 2}),
                splits=[
                    doc.Split(
                        name="newest",
                        num_rows=8,
                        columns=[
                            doc.Column(
                                name="price",
                                kind="number",
                                missing_share=0.25,
                                least=2.0,
                                median=10.0,
                                largest=100.0,
                                quantiles=[
                                    doc.Bin(low=2, high=10, share=0.5),
                                    doc.Bin(low=10, high=20, share=0.25),
                                    doc.Bin(low=20, high=100, share=0.25),
                                ],
                            ),
                            doc.Column(
                                name="store",
                                kind="text",
                                missing_share=0.0,
                                distinct=2,
                                most_frequent=[("s1", 6), (HOSTILE, 2)],
                            ),
                            doc.Column(
                                name="weight",
                                kind="number",
                                missing_share=0.0,
                                least=9.0,
                                median=9.5,
                                largest=10.0,
                            ),
                        ],
                    ),
                    doc.Split(
                        name="before",
                        num_rows=30,
                        columns=[
                            doc.Column(
                                name="store",
                                kind="text",
                                missing_share=0.5,
                                distinct=3,
                                most_frequent=[("s1", 10), ("s2", 5)],
                            )
                        ],
                    ),
                ],
                comparisons=[
                    doc.Comparison(feature="store", measure="largest change of a value's share", value=0.25, most=0.2),
                    doc.Comparison(feature="price", measure="Jensen-Shannon divergence", value=None, most=0.5),
                ],
                findings=[
                    Finding("events", "newest", "store", "warning", "New values", "s9 is not in the domain", "Mend it")
                ],
            )
        ],
        "steps": [
            doc.Step(component="EventsGen", inputs={}, outputs={"examples": [artifact]}, **step),
            doc.Step(component="Evaluator", inputs={"examples": [artifact]}, outputs={}, **step),
        ],
    }
    return doc.Document(**fields | changes)
