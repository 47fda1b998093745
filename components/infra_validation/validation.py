"""Holds a candidate against what a server of it is asked for."""

import pathlib
from collections import defaultdict
from collections.abc import Collection, Iterable

import numpy as np

from components.infra_validation import answers
from components.infra_validation.questions import Question
from components.infra_validation.report import Report
from components.infra_validation.server_process import Refused, ServerProcess
from components.infra_validation.settings import Settings


def validate(
    model: str, questions: Iterable[Question], offered: Collection[bytes], settings: Settings, log: pathlib.Path
) -> Report:
    """Loads a candidate in a server process and asks it one question after the other.

    Args:
        model: the SavedModel's folder.
        questions: what to ask.
        offered: ids of the items that may be shown.
        settings: the server, and the limits.
        log: a file for what the server says.
    """
    report = Report(model_mib=_size_mib(model))
    if report.model_mib > settings.max_model_mib:
        report.refusals.append(
            f"its files have {report.model_mib:,.0f} MiB; serving.max_model_mib is {settings.max_model_mib:,}"
        )
        return report
    seconds = defaultdict(list)
    try:
        with ServerProcess(model, settings, log) as server:
            report.load_seconds = server.wait_until_available()
            for question in questions:
                answer, taken = server.ask(question)
                seconds[question.signature].append(taken)
                if fault := answers.fault(question, answer, offered):
                    raise Refused(f"{question.signature} gave an answer that cannot be shown: {fault}")
                report.memory_mib = server.check_memory()
    except Refused as refused:
        report.refusals.append(str(refused))
        return report
    report.latency_ms = {name: 1000 * float(np.percentile(taken, 99)) for name, taken in seconds.items()}
    report.refusals += [
        f"{name} takes {taken:.0f} ms at the 99th percentile; serving.max_latency_ms is {settings.max_latency_ms:g}"
        for name, taken in report.latency_ms.items()
        if taken > settings.max_latency_ms
    ]
    return report


def _size_mib(model: str) -> float:
    """Of all files below a folder together."""
    return sum(path.stat().st_size for path in pathlib.Path(model).rglob("*") if path.is_file()) / 2**20
