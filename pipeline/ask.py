"""Asks a running server as a shop's back end would, and lays the answers out for a person."""

from collections.abc import Sequence

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from pipeline.config import Config
from pipeline.shop import Shop, Shopper
from serving.client import Client, Match


def recommendations(config: Config, address: str, user_id: str, k: int) -> Group:
    """What a shopper of the events table should see next.

    Raises:
        UnknownShopper: no event of the shopper is on record.
        NoTables: the tables are not where the configuration says.
        ServingError: the server is not reached or refuses.
    """
    shop = Shop(config)
    shopper = shop.shopper(user_id)
    with Client(address, config.serving.model_name) as client:
        answer = client.recommend(user_id, **_request(config, shop, shopper), k=k)
    texts = shop.texts([item.item_id for item in answer])
    bought = {event.item_id for event in shopper.history}
    table = _table("bought before", "reason")
    for item in answer:
        again = "yes" if item.item_id in bought else "no"
        text = texts.get(item.item_id, "")
        table.add_row(Text(item.item_id), Text(text), f"{item.score:.3f}", again, item.reason.replace("_", " "))
    return _titled(f"For shopper {user_id}, with {len(shopper.history):,} events on record", table)


def matches(config: Config, address: str, text: str, user_id: str, k: int) -> Group:
    """Items that match a text, for a shopper of the events table or, if `user_id` is empty, for nobody in particular.

    Raises:
        UnknownShopper: no event of the shopper is on record.
        NoTables: the tables are not where the configuration says.
        ServingError: the server is not reached or refuses.
    """
    shop = Shop(config)
    request = _request(config, shop, shop.shopper(user_id)) if user_id else {"timestamp": shop.now()}
    with Client(address, config.serving.model_name) as client:
        answer = client.search(text, user_id, **request, k=k)
    whose = f" by shopper {user_id}" if user_id else ""
    return _matches(shop, answer, f'For the search "{text}"{whose}')


def similar(config: Config, address: str, item_id: str, k: int) -> Group:
    """Items that go with an item.

    Raises:
        NoTables: the tables are not where the configuration says.
        ServingError: the server is not reached or refuses.
    """
    shop = Shop(config)
    with Client(address, config.serving.model_name) as client:
        answer = client.similar(item_id, k)
    about = shop.texts([item_id]).get(item_id, "unknown to the items table")
    return _matches(shop, answer, f"Similar to item {item_id}: {about}")


def _request(config: Config, shop: Shop, shopper: Shopper) -> dict:
    """What the client sends of a shopper beside the id."""
    return {
        "history": shopper.history[-config.requests.history_length :],
        "scene": shopper.scene,
        "context": shopper.context,
        "timestamp": shop.now(),
    }


def _matches(shop: Shop, answer: Sequence[Match], title: str) -> Group:
    texts = shop.texts([item.item_id for item in answer])
    table = _table()
    for item in answer:
        table.add_row(Text(item.item_id), Text(texts.get(item.item_id, "")), f"{item.score:.3f}")
    return _titled(title, table)


def _table(*further: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("item", no_wrap=True)
    table.add_column("text")
    table.add_column("score", justify="right", no_wrap=True)
    for name in further:
        table.add_column(name, no_wrap=True)
    return table


def _titled(title: str, table: Table) -> Group:
    return Group(Text(title, style="bold"), table)
