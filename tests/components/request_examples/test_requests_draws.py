import subprocess
import sys

import numpy as np
import pyarrow as pa

from components.request_examples.draws import Draws, hashed

SHOPPERS, TIMES = np.array([11, 11, 12], np.uint64), np.array([100, 101, 100])


def uniform(stream=0, request=(0, 0), counter=(0, 1), seed=1, order=slice(None)):
    draws = Draws(SHOPPERS[order], TIMES[order], seed)
    return draws.uniform(stream, np.array(request), np.array(counter)).tolist()


def test_a_draw_depends_on_seed_shopper_time_stream_and_counter():
    different = [
        uniform(request=[0], counter=[0]),
        uniform(request=[0], counter=[1]),
        uniform(request=[0], counter=[0], stream=1),
        uniform(request=[0], counter=[0], seed=2),
        uniform(request=[1], counter=[0]),  # another time
        uniform(request=[2], counter=[0]),  # another shopper
    ]
    assert len({draw for (draw,) in different}) == 6


def test_a_draw_does_not_depend_on_where_its_request_stands():
    assert uniform(request=[0, 2], counter=[5, 6]) == uniform(request=[2, 0], counter=[5, 6], order=[2, 1, 0])


def test_draws_are_uniform():
    draws = Draws(np.arange(100, dtype=np.uint64), np.zeros(100, np.int64), 7)
    numbers = draws.uniform(0, np.repeat(np.arange(100), 1000), np.tile(np.arange(1000), 100))
    # 100,000 draws into 16 bins by the highest and by the lowest bits: 6,250 each, standard deviation 77.
    for bins in (numbers >> np.uint64(60), numbers % np.uint64(16)):
        assert np.abs(np.bincount(bins.astype(int), minlength=16) - 6250).max() < 5 * 77


def test_hashes_are_the_same_in_another_process():
    code = "import pyarrow as pa; from components.request_examples.draws import hashed; print(hashed(pa.array(['a'])))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert other.strip() == str(hashed(pa.array(["a"])))


def test_hashes_stand_beside_their_ids_and_change_with_the_salt():
    ids = pa.chunked_array([["b", "a"], ["b"]])
    first, second, third = hashed(ids)
    assert first == third != second
    assert first == hashed(pa.array(["b"]))[0]
    assert first != hashed(ids, "salt")[0]
