"""Clients in processes of their own, so that their Python takes no turns from the server's.

They send requests that were serialized beforehand and leave answers unread, because both would be paid for with the
processor time of the machine that the server is measured on. A client that is alone blocks until it is answered, which
is the cheapest way to ask in Python; where there are several, those of a process share an event loop.
"""

import asyncio
import concurrent.futures
import itertools
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import grpc
import numpy as np

_METHOD = "/tensorflow.serving.PredictionService/Predict"
_TIMEOUT_SECONDS = 30.0
_PROCESSES = 2
_OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)


class Load(NamedTuple):
    """What clients saw: seconds of each call that was answered, failures by code, and seconds from start to end."""

    latencies: np.ndarray
    failures: Counter
    duration: float

    @property
    def per_second(self) -> float:
        """Answered calls."""
        return len(self.latencies) / self.duration


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

    def saturate(self, clients: int, calls: int) -> Load:
        """Lets so many clients call again as soon as they are answered, until `calls` calls are made together."""
        if clients == 1:
            return self._gather([(_ask_one_by_one, calls)])
        processes = min(clients, _PROCESSES)
        shares = [(clients * (i + 1) // processes - clients * i // processes) for i in range(processes)]
        return self._gather([(_saturate, share, round(calls * share / clients)) for share in shares])

    def offer(self, calls_per_second: float, seconds: float) -> Load:
        """Makes calls at random moments (Poisson arrivals), answered or not; latencies count from those moments."""
        return self._gather([(_offer, calls_per_second / _PROCESSES, seconds, seed) for seed in range(_PROCESSES)])

    def _gather(self, parts: list[tuple]) -> Load:
        futures = [self._pool.submit(_run, function, *self._arguments, *rest) for function, *rest in parts]
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

    def ask(self, method: grpc.UnaryUnaryMultiCallable) -> None:
        """Makes a call and blocks until it is over."""
        asked = time.perf_counter()
        try:
            method(next(self._requests), timeout=_TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            self.failures[error.code().name] += 1
        else:
            self.latencies.append(time.perf_counter() - asked)

    async def call(self, method: grpc.aio.UnaryUnaryMultiCallable, asked: float) -> None:
        """Makes a call that was asked for at a moment by `time.perf_counter`."""
        try:
            await method(next(self._requests), timeout=_TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            self.failures[error.code().name] += 1
        else:
            self.latencies.append(time.perf_counter() - asked)


def _run(function, address: str, requests: list[bytes], *arguments) -> Load:
    """One process's part, in an event loop of its own."""
    return asyncio.run(function(address, requests, *arguments))


async def _ask_one_by_one(address: str, requests: list[bytes], calls: int) -> Load:
    """Asks without the event loop, in which nothing else is to be done."""
    caller = _Caller(requests)
    with grpc.insecure_channel(address, _OWN_CONNECTION) as channel:
        grpc.channel_ready_future(channel).result(_TIMEOUT_SECONDS)
        method = channel.unary_unary(_METHOD)
        started = time.perf_counter()
        for _ in range(calls):
            caller.ask(method)
        duration = time.perf_counter() - started
    return Load(np.array(caller.latencies), caller.failures, duration)


async def _saturate(address: str, requests: list[bytes], clients: int, calls: int) -> Load:
    caller = _Caller(requests)
    remaining = iter(range(calls))
    channels = [grpc.aio.insecure_channel(address, _OWN_CONNECTION) for _ in range(clients)]
    await asyncio.gather(*(channel.channel_ready() for channel in channels))
    started = time.perf_counter()
    await asyncio.gather(*(_call_repeatedly(caller, channel, remaining) for channel in channels))
    duration = time.perf_counter() - started
    await asyncio.gather(*(channel.close() for channel in channels))
    return Load(np.array(caller.latencies), caller.failures, duration)


async def _call_repeatedly(caller: _Caller, channel: grpc.aio.Channel, remaining: Iterator[int]) -> None:
    method = channel.unary_unary(_METHOD)
    for _ in remaining:
        await caller.call(method, time.perf_counter())


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
