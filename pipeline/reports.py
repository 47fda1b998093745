"""Lays out for a person what the Evaluator measured."""

from rich.console import Group
from rich.text import Text

from components.evaluation import ranking_metrics, report, report_table
from components.infra_validation import report as infra_report
from pipeline.config import Config


def layout(found: report.EvaluationReport, config: Config) -> Group:
    """The metrics by slice, for all items and for those that were new to the shopper, and the verdict."""
    first, *longer = config.evaluation.cutoffs
    names = [f"ndcg@{first}", *(f"recall@{cutoff}" for cutoff in longer)]
    brackets = (
        "; in brackets, the gain over the last blessed model" if found.slices and found.slices[0].baseline else ""
    )
    of_log = report_table.logged_table(found)
    return Group(
        Text(f"Lists judged over all items{brackets}", style="bold"),
        report_table.metrics_table(found, names),
        Text("Lists judged over items that were new to the shopper", style="bold"),
        report_table.metrics_table(found, names, ranking_metrics.FIRST_TIME),
        *([Text("What shoppers did, and what the lists are worth by it", style="bold"), of_log] if of_log else []),
        *(Text(note, style="dim") for note in report_table.logged_notes(found)),
        Text(f"Verdict: {report_table.verdict(found)}", style="bold green" if found.blessed else "bold red"),
    )


def server_verdict(found: infra_report.Report) -> Text:
    """What the candidate did in a server of its own."""
    return Text(f"In a server: {infra_report.describe(found)}", style="bold green" if found.blessed else "bold red")
