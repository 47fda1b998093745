"""What is measured: each module is run by `python -m benchmarks.NAME` and prints its figures."""
