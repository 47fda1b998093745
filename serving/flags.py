"""The command line of `tensorflow_model_server` 2.19, read into `Options`.

A script that starts TensorFlow Serving starts this server: every flag of its `main.cc` is accepted. Values are given as
`--flag=value` or `--flag value`, truth values also as `--flag` and `--noflag`.
"""

import argparse
import dataclasses
import difflib
import importlib.metadata
import itertools
import logging
from collections.abc import Sequence

from serving.options import Options

_logger = logging.getLogger(__name__)

# What they tune does not exist here or cannot be chosen: TensorFlow Lite, XLA, TPU, a profiler service, load threads.
_BOOLEANS_WITHOUT_EFFECT = (
    "flush_filesystem_caches",
    "remove_unused_fields_from_bundle_metagraph",
    "prefer_tflite_model",
    "xla_cpu_compilation_enabled",
    "xla_gpu_compilation_enabled",
    "enable_profiler",
    "skip_initialize_tpu",
    "enable_per_model_batching_parameters",
    "enable_signature_method_name_check",
    "enable_serialization_as_tensor_content",
)
_VALUES_WITHOUT_EFFECT = (
    "platform_config_file",
    "num_load_threads",
    "num_unload_threads",
    "num_tflite_pools",
    "num_tflite_interpreters_per_pool",
    "thread_pool_factory_config_file",
    "mixed_precision",
)
_ALTS = "use_alts_credentials"
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def parse(argv: Sequence[str] | None = None) -> Options:
    """Reads a command line, that of the process by default.

    `--help` and `--version` print and end the process with status 0; a mistake ends it with status 2 and a message on
    stderr that names the flag, and the closest one if there is none of that name.
    """
    parser = _parser()
    known, unknown = parser.parse_known_args(argv)
    given = vars(known)
    if unknown:
        parser.error(_unknown(unknown[0]))
    if given.pop(_ALTS, False):
        parser.error(f"--{_ALTS} is not supported: Google's ALTS needs Google Cloud; use --ssl_config_file for TLS")
    if idle := sorted(set(given) & {*_BOOLEANS_WITHOUT_EFFECT, *_VALUES_WITHOUT_EFFECT}):
        _logger.warning("without effect in this server: %s", ", ".join(f"--{name}" for name in idle))
    try:
        return Options(**{name: value for name, value in given.items() if name not in idle})
    except ValueError as error:
        parser.error(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serving.server",
        usage="%(prog)s --model_base_path=FOLDER [--FLAG=VALUE ...]",
        description="Serves SavedModels as tensorflow_model_server does, with its flags.",
        formatter_class=argparse.RawDescriptionHelpFormatter,  # keeps the two lines of --version apart
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--version", action="version", version=_version(), help="print the versions and exit")
    fields = dataclasses.fields(Options)  # grouped by their order
    for title, members in itertools.groupby(fields, key=lambda field: field.metadata["group"]):
        group = parser.add_argument_group(title)
        for field in members:
            described = field.metadata["help"] + (f" (default {field.default})" if field.default != "" else "")
            _add(group, field.name, field.type, described)
    idle = parser.add_argument_group("accepted, but without effect in this server")
    for name in _BOOLEANS_WITHOUT_EFFECT:
        _add(idle, name, bool, None)
    for name in _VALUES_WITHOUT_EFFECT:
        _add(idle, name, str, None)
    _add(idle, _ALTS, bool, argparse.SUPPRESS)
    return parser


def _add(group: argparse._ArgumentGroup, name: str, kind: type, described: str | None) -> None:
    if kind is bool:
        group.add_argument(f"--{name}", nargs="?", const=True, type=_truth, metavar="true|false", help=described)
        group.add_argument(f"--no{name}", dest=name, action="store_false", help=argparse.SUPPRESS)
    else:
        group.add_argument(f"--{name}", type=kind, metavar=kind.__name__.upper(), help=described)


def _truth(text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise argparse.ArgumentTypeError(f"must be true or false, not {text!r}")
    return _TRUTH[text.lower()]


def _unknown(argument: str) -> str:
    """The message about an argument that is none of ours."""
    if not argument.startswith("-"):
        return f"unexpected argument {argument!r}: every value belongs to a flag, as in --model_name={argument}"
    name = argument.lstrip("-").partition("=")[0]
    known = [field.name for field in dataclasses.fields(Options)]
    closest = difflib.get_close_matches(name, [*known, *_BOOLEANS_WITHOUT_EFFECT, *_VALUES_WITHOUT_EFFECT], n=1)
    return f"unknown flag --{name}" + (f"; did you mean --{closest[0]}?" if closest else "; --help lists all")


def _version() -> str:
    """As tensorflow_model_server prints it, in its own terms: the release whose protocol is spoken, and the library."""
    protocol = importlib.metadata.version("tensorflow-serving-api")
    library = importlib.metadata.version("tensorflow")
    return f"TensorFlow ModelServer: {protocol} (embedded server of Shelfwise)\nTensorFlow Library: {library}"
