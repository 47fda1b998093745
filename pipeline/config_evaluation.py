"""The section `evaluation`: what the Evaluator measures, and what a model needs to be pushed."""

from collections.abc import Iterator, Sequence

import pydantic
import pydantic_core

from pipeline import config_checks
from pipeline.config_section import Section


class Gates(Section):
    """What a model may not miss. Only `floors` and `ceilings` judge a first model, which has no baseline to lose to.

    A change or a gap is refused when it is beyond its limit and the 95 % interval says that it is no chance. Where the
    interval reaches from none to one beyond the limit, the verdict names it as undecided, and it refuses nothing.
    Floors and ceilings hold for the value as it was measured.

    Attributes:
        floors: least values over all requests, by metric. `available_share@10: 1` refuses lists with items that are not
            offered, `rare_share@10` is the least exposure of rare items.
        ceilings: largest values over all requests. A model better than can be is refused, since it has probably been
            trained on what it is judged by.
        max_loss: how much worse than the last blessed model a metric may be over all requests, absolute.
        slice_max_loss: the same within each slice.
        max_gap: by feature that slices are cut by alone, and by metric, how far two of its values may be apart.
        min_slice_requests: slices with fewer requests that count are undecided.
    """

    floors: dict[str, float] = {}
    ceilings: dict[str, float] = {}
    max_loss: dict[str, pydantic.NonNegativeFloat] = {}
    slice_max_loss: dict[str, pydantic.NonNegativeFloat] = {}
    max_gap: dict[str, dict[str, pydantic.NonNegativeFloat]] = {}
    min_slice_requests: pydantic.PositiveInt = 100


class Evaluation(Gates):
    """What the Evaluator computes and what it asks of a model before it may be pushed.

    Metrics are named as in `components.evaluation.metrics.names`: `ndcg@10`, or `first_time/ndcg@10` for items that are
    new to the shopper. A slice is a list of what to slice by together: `shopper` (new or returning), `scene`, or a
    declared user or context feature under its role, such as `user_age` or `context_store`.
    """

    cutoffs: list[pydantic.PositiveInt] = pydantic.Field(default=[10, 50, 100], min_length=1)
    slices: list[list[str]] = [["shopper"], ["scene"]]
    resamples: int = pydantic.Field(default=200, ge=100)  # of shoppers; the ends of intervals are their outer fortieths
    category: str | None = None  # the item feature that lists are to be diverse in; None: the first categorical one

    @property
    def gates(self) -> Gates:
        """The part that decides the verdict."""
        return Gates(**self.model_dump(include=set(Gates.model_fields)))

    def check(self, slicing: Sequence[str], categories: Sequence[str]) -> None:
        """Refuses names of what there is not.

        Args:
            slicing: what slices can be cut by.
            categories: the declared categorical features of items.

        Raises:
            pydantic_core.ValidationError: names all mistakes, each with its key.
        """
        found = [
            pydantic_core.InitErrorDetails(type="value_error", loc=key, input=used, ctx={"error": error})
            for key, used, choices in self._names(slicing, categories)
            if (error := _unknown(used, choices)) is not None
        ]
        if found:
            raise pydantic_core.ValidationError.from_exception_data("evaluation", found)

    def _names(
        self, slicing: Sequence[str], categories: Sequence[str]
    ) -> Iterator[tuple[tuple[str, ...], list[str], Sequence[str]]]:
        """Each key with the names that stand there and those that may."""
        from components.evaluation.metrics import names  # imports numpy, for which no `--help` should wait

        metrics = names.all_names(self.cutoffs, bool(categories))
        with_intervals = names.ratio_names(self.cutoffs, True, bool(categories))
        yield ("slices",), [name for together in self.slices for name in together], slicing
        yield ("category",), [self.category] if self.category else [], categories
        for key in ("floors", "ceilings", "max_loss", "slice_max_loss"):
            yield (key,), list(getattr(self, key)), metrics
        yield ("max_gap",), list(self.max_gap), [together[0] for together in self.slices if len(together) == 1]
        for feature, limits in self.max_gap.items():
            yield ("max_gap", feature), list(limits), with_intervals


def _unknown(used: Sequence[str], choices: Sequence[str]) -> ValueError | None:
    try:
        config_checks.known(used, choices)
    except ValueError as error:
        return error
    return None
