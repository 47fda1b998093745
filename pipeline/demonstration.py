"""Serves what a run pushed, and asks it three questions over gRPC."""

from rich.console import Console

from pipeline import ask, reports
from pipeline.config import Config
from pipeline.shop import Shop
from serving.client import Client
from serving.server import Server

_ITEMS = 10


def show(config: Config, console: Console) -> None:
    """Recommendations for one shopper, a search and similar items, from the newest pushed version."""
    user_id = Shop(config).some_shopper()
    with Server(config.serving.model_name, config.serving_dir, port=0) as server:
        with Client(server.address, config.serving.model_name) as client:
            console.print(f"\nServing version {client.status()[0].version} on {server.address}\n")
        console.print(ask.recommendations(config, server.address, user_id, _ITEMS))
        console.print(ask.matches(config, server.address, config.example_query, user_id, _ITEMS))
        item_id = Shop(config).shopper(user_id).history[-1].item_id
        console.print(ask.similar(config, server.address, item_id, _ITEMS))
    console.print(
        f"\nAsk it yourself: shelfwise serve {config.name}, then shelfwise query {config.name} --user {user_id}"
        f"\nThe evaluation lies in {reports.newest_evaluation(config)}, training curves in "
        f"{config.run_dir / 'artifacts' / 'Trainer' / 'model_run'}, served versions in {config.serving_dir}",
        highlight=False,
    )
