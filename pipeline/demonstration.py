"""Serves what a run pushed, and asks it three questions over gRPC."""

from rich.console import Console

from pipeline import ask
from pipeline.config import Config
from pipeline.run_log import diverted, new_log
from pipeline.shop import Shop
from serving.client import Client
from serving.server import Server

_ITEMS = 10
_LOAD_SECONDS = 120


def show(config: Config, arguments: str) -> None:
    """Recommendations for one shopper, a search and similar items, from the newest pushed version.

    Args:
        config: whose model.
        arguments: with which `shelfwise` finds this configuration again, for the commands that go on.

    Raises:
        FileNotFoundError: nothing was ever pushed.
        TimeoutError: no version could be loaded.
    """
    width = Console().width
    with diverted(new_log(config.run_dir)) as terminal:
        console = Console(file=terminal, width=width)
        server = Server.of_model(config.serving.model_name, config.serving_dir, port=0)
        with console.status("Starting the server"):
            server.start(_LOAD_SECONDS)
        try:
            user_id = _ask(config, server.address, console)
        finally:
            server.stop()
        query = config.example_query or "what you look for"
        console.print(
            "\nTo go on asking:\n"
            f"  shelfwise serve {arguments} &\n"
            f"  shelfwise query {arguments} --user {user_id}\n"
            f"  shelfwise search {arguments} {query!r}\n"
            f"For TensorFlow Serving, the versions are in {config.serving_dir}\n"
            f"For TensorBoard, the training curves are in {config.run_dir / 'artifacts' / 'Trainer' / 'model_run'}",
            highlight=False,
            soft_wrap=True,
        )


def _ask(config: Config, address: str, console: Console) -> str:
    """Asks and prints; returns the shopper who asked."""
    with Client(address, config.serving.model_name) as client:
        console.print(f"\nServing version {client.status()[0].version} on {address} (gRPC)\n", highlight=False)
    shop = Shop(config)
    user_id = shop.typical_shopper()
    console.print(ask.recommendations(config, address, user_id, _ITEMS))
    if config.example_query:
        console.print(ask.matches(config, address, config.example_query, user_id, _ITEMS))
    console.print(ask.similar(config, address, shop.shopper(user_id).history[-1].item_id, _ITEMS))
    return user_id
