"""Clients that ask at moments of their own, as shoppers do, in processes whose Python takes no turns from the server's.

They send requests that were serialized beforehand and leave answers unread, because both would be paid for with the
processor time of the machine that the server is measured on. Those of a process share an event loop.
"""

import asyncio
import concurrent.futures
import itertools
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Sequence

import grpc
import numpy as np

from benchmarks.serving.load import Load

_METHOD = "/tensorflow.serving.PredictionService/Predict"
_TIMEOUT_SECONDS = 30.0
_PROCESSES = 2
_OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)


class Clients:
    """Loads one server."""

    def __init__(self, address: str, requests: Sequence[bytes]):
        """Starts the processes; requests are sent in turn."""
        self._arguments = (address, list(requests))
        self._pool = concurrent.futures.ProcessPoolExecutor(_PROCESSES, mp_context=multiprocessing.get_context("spawn"))

    def __enter__(self) -> "Clients":
        return self

    def __exit__(self, *_) -> None:
        self._pool.shutdown()

    def offer(self, calls_per_second: float, seconds: float) -> Load:
        """Makes calls at random moments (Poisson arrivals), answered or not; latencies count from those moments."""
        parts = [(*self._arguments, calls_per_second / _PROCESSES, seconds, seed) for seed in range(_PROCESSES)]
        futures = [self._pool.submit(_run, *part) for part in parts]
        loads = [future.result() for future in futures]
        return Load(
            np.concatenate([load.latencies for load in loads]),
            sum((load.failures for load in loads), Counter()),
            max(load.duration for load in loads),
        )


class _Caller:
    """Makes calls and notes how they went."""

    def __init__(self, requests: Sequence[bytes]):
        self._requests = itertools.cycle(requests)
        self.latencies: list[float] = []
        self.failures: Counter = Counter()

    async def call(self, method: grpc.aio.UnaryUnaryMultiCallable, asked: float) -> None:
        """Makes a call that was asked for at a moment by `time.perf_counter`."""
        try:
            await method(next(self._requests), timeout=_TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            self.failures[error.code().name] += 1
        else:
            self.latencies.append(time.perf_counter() - asked)


def _run(*arguments) -> Load:
    """One process's part, in an event loop of its own."""
    return asyncio.run(_offer(*arguments))


async def _offer(address: str, requests: list[bytes], calls_per_second: float, seconds: float, seed: int) -> Load:
    draw = random.Random(seed)
    caller = _Caller(requests)
    async with grpc.aio.insecure_channel(address, _OWN_CONNECTION) as channel:
        await channel.channel_ready()
        method = channel.unary_unary(_METHOD)
        calls = []
        started = arrival = time.perf_counter()
        while (arrival := arrival + draw.expovariate(calls_per_second)) < started + seconds:
            await asyncio.sleep(max(0.0, arrival - time.perf_counter()))
            calls.append(asyncio.create_task(caller.call(method, arrival)))
        await asyncio.gather(*calls)
    return Load(np.array(caller.latencies), caller.failures, time.perf_counter() - started)
