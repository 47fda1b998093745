"""What a candidate did in the server: written by InfraValidator, printed after a run."""

import pathlib

import pydantic

FILE = "report.json"  # in the folder of the InfraBlessing, as is
LOG = "server.log"  # what the server said


class Report(pydantic.BaseModel):
    """One validation.

    Attributes:
        refusals: why the candidate is refused; empty if it is not.
        load_seconds: from the server's start until the candidate was available; None if it never was.
        latency_ms: by signature, the 99th percentile over its requests.
        memory_mib: the server's peak.
        model_mib: of the SavedModel's files together.
    """

    refusals: list[str] = []
    load_seconds: float | None = None
    latency_ms: dict[str, float] = {}
    memory_mib: int = 0
    model_mib: float = 0.0

    @property
    def blessed(self) -> bool:
        """Whether the candidate may be pushed."""
        return not self.refusals


def load(folder: str) -> Report:
    """Reads the report beside a blessing.

    Raises:
        FileNotFoundError: the folder holds none.
    """
    return Report.model_validate_json((pathlib.Path(folder) / FILE).read_text())


def describe(report: Report) -> str:
    """The verdict for a person: `accepted` with what was measured, or `refused` with a line for each reason."""
    if not report.blessed:
        return "\n".join(["refused:", *(f"  {refusal}" for refusal in report.refusals)])
    latency = ", ".join(f"{name} {milliseconds:.0f}" for name, milliseconds in report.latency_ms.items())
    return (
        f"accepted: {report.model_mib:,.0f} MiB, loaded in {report.load_seconds:.1f} s, "
        f"at most {report.memory_mib:,} MiB of memory, 99th percentile in ms: {latency}"
    )
