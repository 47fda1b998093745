"""The command line: what the embedded server adds to the bare graph, how it takes load, and whether it leaks.

    python -m benchmarks.serving [--model runs/complete_journey/serving/shelfwise] [--soak 200000]

Server and graph take turns in short rounds, with one request a round, so that what else the machine does hits both. A
ratio of times or of throughputs is that of medians over the rounds. Clients, server and graph share the machine, so
what a client takes counts against the server: those of the rounds are h2load's, in C++. What an answer takes of the
processor is printed beside it, without the clients' share. The load report is written as SVG under benchmarks/results.
"""

import argparse
import contextlib
import pathlib
import tempfile
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.serving import plot, questions, server_process
from benchmarks.serving.bare import BareGraph, Calls
from benchmarks.serving.clients import Clients
from benchmarks.serving.load import Load
from benchmarks.serving.saturation import Saturation
from benchmarks.serving.server_process import MODEL_NAME, ServerProcess
from tools import h2load

_ROUNDS = 10
_CALLS = 100  # of a round, one at a time
_CLIENTS = 32
_CLIENT_CALLS = 20  # of a round, by each client
_BATCH = 16  # half of the clients, so that one half's requests are read while the other half's run
_PARAMETERS = f"""
max_batch_size {{ value: {_BATCH} }}
batch_timeout_micros {{ value: 0 }}
max_enqueued_batches {{ value: 1000 }}
num_batch_threads {{ value: 1 }}
"""
_OFFERED = (0.1, 0.25, 0.5, 0.7, 0.8, 0.9, 1.0)  # of what the saturated server answers
_OFFERED_SECONDS = 20.0
_SOAK_PARTS = 20
_MAX_TIME_RATIO = 1.2
_MIN_THROUGHPUT_RATIO = 0.8
_MEBIBYTE = 2**20
_WIDTH = 180
_PLOT = pathlib.Path("benchmarks/results/serving_load.svg")


class Comparison(NamedTuple):
    """Rounds of the server and of the graph, and the server's memory after them."""

    server: list[Load]
    graph: list[Calls]
    processor: list[float]  # milliseconds that the server took of the processor for an answer, by round
    peak: int  # bytes

    @property
    def latencies(self) -> np.ndarray:
        """Milliseconds of all calls to the server."""
        return 1_000 * np.concatenate([load.latencies for load in self.server])


def one_at_a_time(server: ServerProcess, clients: Saturation, bare: BareGraph) -> Comparison:
    """One client, one request after the other."""
    return _compared(server, bare, lambda turn: clients.ask(turn, 1, _CALLS), batch_size=1, calls=_CALLS)


def saturated(server: ServerProcess, clients: Saturation, bare: BareGraph) -> Comparison:
    """Many clients at once, against the graph on batches of the size that the server forms."""
    calls = _CLIENTS * _CLIENT_CALLS
    return _compared(server, bare, lambda turn: clients.ask(turn, _CLIENTS, calls), _BATCH, calls // _BATCH)


def _compared(
    server: ServerProcess, bare: BareGraph, ask: Callable[[int], Load], batch_size: int, calls: int
) -> Comparison:
    """Asks the server and calls the graph in turn; the first round warms up and does not count."""
    rounds = []
    for turn in range(_ROUNDS + 1):
        before = server.processor_seconds()
        load = ask(turn)
        processor = 1_000 * (server.processor_seconds() - before) / max(len(load.latencies), 1)
        rounds.append((load, bare.time(turn, batch_size, calls), processor))
    loads, graph, processor = zip(*rounds[1:], strict=True)
    return Comparison(list(loads), list(graph), list(processor), server.memory().peak)


def soaked(server: ServerProcess, clients: Saturation, calls: int) -> list[int]:
    """The server's memory in bytes, before and after each part of many calls."""
    memory = [server.memory().now]
    for part in range(_SOAK_PARTS):
        clients.ask(part, _CLIENTS, calls // _SOAK_PARTS)
        memory.append(server.memory().now)
    return memory


def comparison_table(single: Comparison, batched: Comparison) -> Table:
    """Both comparisons, with the ratios and their goals."""
    columns = ("server p50 ms", "p99 ms", "server/s", "bare graph/s", "ratio", "goal")
    table = Table("", *columns, "processor ms", "bare graph's", "peak MiB", "failed")
    graph_ms = 1_000 * np.median([np.median(calls.seconds) for calls in single.graph])
    server_ms = np.median([1_000 * np.median(load.latencies) for load in single.server])
    rows = np.median([_BATCH / calls.seconds.mean() for calls in batched.graph])
    answered = np.median([load.per_second for load in batched.server])
    table.add_row(
        "one at a time",
        *_latency_cells(single),
        f"{1_000 / server_ms:.0f}",
        f"{1_000 / graph_ms:.0f}",
        f"{server_ms / graph_ms:.2f} of its time",
        f"at most {_MAX_TIME_RATIO}",
        *_processor_cells(single, batch_size=1),
        *_health_cells(single),
    )
    table.add_row(
        f"{_CLIENTS} clients, batches of {_BATCH}",
        *_latency_cells(batched),
        f"{answered:.0f}",
        f"{rows:.0f}",
        f"{answered / rows:.2f} of its throughput",
        f"at least {_MIN_THROUGHPUT_RATIO}",
        *_processor_cells(batched, _BATCH),
        *_health_cells(batched),
    )
    return table


def _processor_cells(comparison: Comparison, batch_size: int) -> list[str]:
    """What an answer takes of the processor, in the server and in the bare graph."""
    bare = np.median([1_000 * calls.processor / (batch_size * len(calls.seconds)) for calls in comparison.graph])
    return [f"{np.median(comparison.processor):.2f}", f"{bare:.2f}"]


def _latency_cells(comparison: Comparison) -> list[str]:
    return [f"{value:.1f}" for value in np.percentile(comparison.latencies, [50, 99])]


def _health_cells(comparison: Comparison) -> list[str]:
    failures = sum(load.failures.total() for load in comparison.server)
    return [f"{comparison.peak / _MEBIBYTE:.0f}", str(failures)]


def load_table(loads: dict[float, Load]) -> Table:
    """A row for each offered load."""
    table = Table("offered/s", "answered/s", *(f"p{percentile} ms" for percentile in plot.PERCENTILES), "failed")
    for offered, load in loads.items():
        shown = 1_000 * np.percentile(load.latencies, plot.PERCENTILES)
        cells = [f"{value:.1f}" for value in (offered, load.per_second, *shown)]
        table.add_row(*cells, str(load.failures.total()))
    return table


@contextlib.contextmanager
def _parameters_file() -> Iterator[str]:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(_PARAMETERS)
        file.flush()
        yield file.name


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    default = pathlib.Path("runs/complete_journey/serving/shelfwise")
    parser.add_argument("--model", type=pathlib.Path, default=default, help="folder of the version folders")
    parser.add_argument("--soak", type=int, default=200_000, help="requests during which memory is watched; 0 for none")
    arguments = parser.parse_args()
    versions = {int(path.name): path for path in arguments.model.glob("*") if path.name.isdecimal()}
    if not versions:
        parser.error(f"{arguments.model} holds no version folder: run `shelfwise run complete_journey` first")
    version = versions[max(versions)]
    console = Console(width=_WIDTH)
    try:
        program = h2load.find()
    except h2load.MissingPrerequisite as error:
        parser.exit(1, f"error: {error}\n")
    with server_process.started(arguments.model) as server:
        requests = questions.draw(version, server.address, MODEL_NAME)
        bare = BareGraph(version, requests)
        single = one_at_a_time(server, Saturation(program, server.address, requests), bare)
    with _parameters_file() as file:
        flags = [
            *("--enable_batching", f"--batching_parameters_file={file}"),
            f"--grpc_max_threads={2 * _CLIENTS}",  # each waits for its batch; the default would keep clients out
            "--enable_model_warmup=false",  # the model's own records are of more rows than one batch takes here
        ]
        with server_process.started(arguments.model, *flags) as server, Clients(server.address, requests) as clients:
            closed = Saturation(program, server.address, requests)
            batched = saturated(server, closed, bare)
            console.print(comparison_table(single, batched))
            capacity = float(np.median([load.per_second for load in batched.server]))
            loads = {share * capacity: clients.offer(share * capacity, _OFFERED_SECONDS) for share in _OFFERED}
            console.print(load_table(loads))
            plot.write(_PLOT, loads, capacity)
            console.print(f"latency against offered load: {_PLOT}")
            if arguments.soak:
                memory = soaked(server, closed, arguments.soak)
                shown = ", ".join(f"{size / _MEBIBYTE:.0f}" for size in memory)
                console.print(f"memory in MiB, every {arguments.soak // _SOAK_PARTS} requests: {shown}")


if __name__ == "__main__":
    main()
