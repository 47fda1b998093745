"""How a version is loaded: what the options say about sessions, batching and warm-up, put together."""

import pathlib

import tensorflow as tf

from serving import batching_parameters, text_proto, warmup
from serving.batching import BatchScheduler
from serving.metrics import Metrics
from serving.options import Options
from serving.servable import Servable


class Loader:
    """Loads versions as the options say; all of them share one set of batch threads."""

    def __init__(self, options: Options, metrics: Metrics):
        """Reads the files that the options name.

        Raises:
            OSError: one of them cannot be read.
            ValueError: one says nothing sensible; the message names the file and the field.
        """
        self._options = options
        self._metrics = metrics
        self._tags = tuple(options.saved_model_tags.split(","))
        self._session_config = session_config(options)
        self._batching: BatchScheduler | None = None
        self._max_batch_size: int | None = None
        if options.enable_batching:
            file = options.batching_parameters_file
            parameters = batching_parameters.read(file) if file else batching_parameters.BatchingParameters()
            self._batching = BatchScheduler(parameters, metrics)
            self._max_batch_size = parameters.max_batch_size

    def load(self, model_name: str, version: int, path: pathlib.Path) -> Servable:
        """Loads a version and lets it answer its warm-up requests.

        Raises:
            UnfitVersionError: a warm-up request has more rows than a batch.
            Exception: whatever TensorFlow raises on a folder that is no complete SavedModel, and a warm-up request
                raises that the model refuses.
        """
        options = self._options
        if options.enable_model_warmup and self._max_batch_size is not None:
            said_by = options.batching_parameters_file or "TensorFlow Serving's defaults"
            warmup.check_rows(path, self._max_batch_size, said_by)
        servable = Servable(
            path,
            self._batching,
            tags=self._tags,
            session_config=self._session_config,
            metrics=self._metrics,
            max_rows=options.max_request_rows,
        )
        if options.enable_model_warmup:
            try:
                warmup.replay(servable, path, max(1, options.num_request_iterations_for_warmup))
            except BaseException:
                servable.close()
                raise
        return servable

    def close(self) -> None:
        """Ends the batch threads, once every version is closed."""
        if self._batching is not None:
            self._batching.close()


def session_config(options: Options) -> tf.compat.v1.ConfigProto:
    """TensorFlow's settings of a session; the flags for single values go before the file.

    Without a file, threads that wait for work sleep instead of spinning: what they would burn is what gRPC, and whoever
    asks from the same machine, need. Batches of 16 took a tenth less of the processor so.

    Raises:
        OSError: the file cannot be read.
        text_proto.ConfigFileError: it holds no ConfigProto.
    """
    config = tf.compat.v1.ConfigProto()
    config.experimental.disable_thread_spinning = True
    if options.tensorflow_session_config_file:
        config = text_proto.read(options.tensorflow_session_config_file, tf.compat.v1.ConfigProto)
    both = options.tensorflow_session_parallelism
    if threads := options.tensorflow_intra_op_parallelism or both:
        config.intra_op_parallelism_threads = threads
    if threads := options.tensorflow_inter_op_parallelism or both:
        config.inter_op_parallelism_threads = threads
    if options.per_process_gpu_memory_fraction:
        config.gpu_options.per_process_gpu_memory_fraction = options.per_process_gpu_memory_fraction
    return config
