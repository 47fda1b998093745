"""The commands of `shelfwise` that start a server or tell one what to do."""

import contextlib
import logging
import pathlib
import threading
from collections.abc import Callable, Mapping
from typing import Annotated

import typer
from rich.console import Console

from pipeline.cli_options import Address, ConfigName, Overrides, Refusal, load_config, waiting
from pipeline.run_log import diverted, new_log

Label = Annotated[str, typer.Option(metavar="NAME", help="What requests ask for instead of a version.")]
ModelsConfig = Annotated[
    pathlib.Path | None,
    typer.Option(metavar="FILE", help="The deployment's model config file; that of `shelfwise serve` without."),
]
CaFile = Annotated[
    pathlib.Path | None, typer.Option(metavar="PEM", help="Who may have signed the server; turns on TLS.")
]
CertificateFile = Annotated[pathlib.Path | None, typer.Option(metavar="PEM", help="Our certificate, for mutual TLS.")]
KeyFile = Annotated[pathlib.Path | None, typer.Option(metavar="PEM", help="The key of our certificate.")]
ServerName = Annotated[str | None, typer.Option(metavar="NAME", help="The server's name if not the address' host.")]


def serve(
    config: ConfigName,
    flags: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- FLAGS]",
            help="Flags of tensorflow_model_server, such as --rest_api_port=8501 --enable_batching; --help lists them.",
        ),
    ] = None,
    overrides: Overrides = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="gRPC port; 0 takes a free one.")] = 8500,
    host: Annotated[str, typer.Option(help="Interface to listen on; 0.0.0.0 for all.")] = "localhost",
) -> None:
    """Serve the pushed versions over gRPC, and over HTTP if asked to.

    This is the embedded server, which speaks TensorFlow Serving's protocol. New versions are swapped in as they are
    pushed, and deleting the newest folder rolls back. Ctrl-C stops.
    """
    from pipeline import serve as serve_lib

    loaded = load_config(config, overrides)
    options = serve_lib.options(loaded, port, host, flags or [])
    log = new_log(loaded.run_dir)
    print(f"Serving {loaded.serving_dir}; Ctrl-C stops, and what TensorFlow says is in {log}", flush=True)
    with diverted(log) as terminal:
        from serving import server
        from serving.status import StatusError

        to_terminal = logging.StreamHandler(terminal)
        to_terminal.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        logging.getLogger("serving").addHandler(to_terminal)
        try:
            server.run(options)
        except (StatusError, ValueError) as error:
            raise Refusal(str(error)) from error


def tensorboard(
    config: ConfigName,
    overrides: Overrides = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="HTTP port; 0 takes a free one.")] = 6006,
    host: Annotated[str, typer.Option(help="Interface to listen on; 0.0.0.0 for all.")] = "localhost",
) -> None:
    """Show the newest trainings and the newest search in TensorBoard.

    Losses and learning rates, items as a cloud in the embedding projector, and a search's trials under HParams. A
    training that still goes on is shown as well. Ctrl-C stops.
    """
    loaded = load_config(config, overrides)
    with waiting("Loading TensorBoard"):
        from pipeline import tensorboard_runs

        address = tensorboard_runs.launch(tensorboard_runs.gather(loaded), host, port)
    print(f"TensorBoard is at {address}; Ctrl-C stops", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()


def promote(
    config: ConfigName,
    version: Annotated[int, typer.Argument(metavar="VERSION", help="A version that the server has loaded.")],
    overrides: Overrides = None,
    label: Label = "stable",
    models_config: ModelsConfig = None,
    address: Address = "localhost:8500",
    ca_file: CaFile = None,
    certificate_file: CertificateFile = None,
    key_file: KeyFile = None,
    server_name: ServerName = None,
) -> None:
    """Point a version label, which requests can ask for, at a version.

    The first promotion writes a model config file of TensorFlow Serving, by which `shelfwise serve` serves the two
    newest versions from then on; a deployment has its own.
    """
    loaded = load_config(config, overrides)
    tls = {"ca_file": ca_file, "certificate_file": certificate_file, "key_file": key_file, "server_name": server_name}
    _move_label(address, tls, lambda labels, server: labels.promote(loaded, version, label, server, models_config))


def rollback(
    config: ConfigName,
    overrides: Overrides = None,
    label: Label = "stable",
    models_config: ModelsConfig = None,
    address: Address = "localhost:8500",
    ca_file: CaFile = None,
    certificate_file: CertificateFile = None,
    key_file: KeyFile = None,
    server_name: ServerName = None,
) -> None:
    """Point a version label back at the version that it was promoted from."""
    loaded = load_config(config, overrides)
    tls = {"ca_file": ca_file, "certificate_file": certificate_file, "key_file": key_file, "server_name": server_name}
    _move_label(address, tls, lambda labels, server: labels.rollback(loaded, label, server, models_config))


def _move_label(address: str, tls: Mapping[str, object], how: Callable) -> None:
    """Moves a version label and prints from where to where.

    Args:
        address: of the server.
        tls: the fields of the client's `Tls`; without any of them the connection is a plain one.
        how: called with the module `pipeline.labels` and the server.
    """
    with waiting("Asking the server"):
        from pipeline import labels
        from serving.client import Tls

        try:
            move = how(labels, labels.Server(address, Tls(**tls) if any(tls.values()) else None))
        except (labels.PromotionError, ValueError) as error:
            raise Refusal(str(error)) from error
    Console().print(str(move), highlight=False)
