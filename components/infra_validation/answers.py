"""What may be wrong with a candidate's answer."""

from collections.abc import Collection, Mapping

import numpy as np

from components.infra_validation.questions import Question

_LISTS = ("recommend", "search", "similar", "serving_default")


def fault(question: Question, answer: Mapping[str, np.ndarray], offered: Collection[bytes]) -> str:
    """The first thing that is wrong with an answer, in words; empty if it can be shown to a shopper.

    Args:
        question: what was asked.
        answer: outputs by name, with one row.
        offered: ids of the items that may be shown.
    """
    for name, values in sorted(answer.items()):
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            return f"its {name} hold NaN or infinity"
    if question.signature in _LISTS:
        return _fault_of_list(question, answer, offered)
    asked = question.inputs["candidate_item_ids"].shape
    if answer.get("score", np.empty(0)).shape != asked:
        return f"it gives no score for each of {asked[1]} candidates"
    return ""


def _fault_of_list(question: Question, answer: Mapping[str, np.ndarray], offered: Collection[bytes]) -> str:
    if missing := {"item_ids", "scores"} - answer.keys():
        return f"it gives no {' and no '.join(sorted(missing))}"
    listed = [item_id for item_id in answer["item_ids"][0].tolist() if item_id]
    if not listed:
        return "its list is empty"
    if unknown := [item_id for item_id in listed if item_id not in offered]:
        return f"it lists {unknown[0].decode(errors='replace')!r}, which the catalogue does not offer"
    if len(set(listed)) < len(listed):
        return "it lists an item twice"
    if excluded := set(listed) & set(question.inputs.get("exclude_item_ids", np.empty([1, 0]))[0].tolist()):
        return f"it lists {excluded.pop().decode(errors='replace')!r}, which the request excludes"
    return ""
