"""A pool of Beam's Python workers as threads of one process: `python -m tools.flink.worker_pool PORT`.

Beam's own pool starts a process a worker, and an engine may ask for a worker at each stage: most of the time would go
into importing TensorFlow. Its own also listens to the whole network, where this one serves this machine alone.
"""

import argparse

import models  # noqa: F401  (selects Keras 2, before a job brings TensorFlow in)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("port", type=int, help="where to serve")
    port = parser.parse_args().port

    import grpc
    from apache_beam.portability.api import beam_fn_api_pb2_grpc
    from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer
    from apache_beam.utils import thread_pool_executor

    server = grpc.server(thread_pool_executor.shared_unbounded_instance())
    server.add_insecure_port(f"localhost:{port}")
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(BeamFnExternalWorkerPoolServicer(), server)
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
