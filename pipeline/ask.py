"""Asks a running server as a shop's back end would, and lays the answers out for a person."""

from rich.table import Table

from pipeline.config import Config
from pipeline.shop import Shop
from serving.client import Client


def recommendations(config: Config, address: str, user_id: str, k: int) -> Table:
    """What a shopper of the events table should see next.

    Raises:
        UnknownShopper: no event of the shopper is on record.
        ServingError: the server is not reached or refuses.
    """
    shop = Shop(config)
    shopper, now = shop.shopper(user_id), shop.now()
    with Client(address, config.serving.model_name) as client:
        answer = client.recommend(
            user_id, shopper.history, scene=shopper.scene, timestamp=now, context=shopper.context, k=k
        )
    texts = shop.texts([item.item_id for item in answer])
    bought = {event.item_id for event in shopper.history}
    table = Table(
        "item", "text", "score", "bought before", "reason", title=f"For shopper {user_id}", title_justify="left"
    )
    for item in answer:
        again = "yes" if item.item_id in bought else "no"
        table.add_row(item.item_id, texts.get(item.item_id, ""), f"{item.score:.3f}", again, item.reason)
    return table


def matches(config: Config, address: str, text: str, user_id: str, k: int) -> Table:
    """Items that match a text, for a shopper of the events table or, if `user_id` is empty, for nobody in particular.

    Raises:
        UnknownShopper: no event of the shopper is on record.
        ServingError: the server is not reached or refuses.
    """
    shop = Shop(config)
    known = shop.shopper(user_id)._asdict() if user_id else {}
    with Client(address, config.serving.model_name) as client:
        answer = client.search(text, user_id, **known, timestamp=shop.now(), k=k)
    return _items(shop, answer, f'For the search "{text}"')


def similar(config: Config, address: str, item_id: str, k: int) -> Table:
    """Items that go with an item.

    Raises:
        ServingError: the server is not reached or refuses.
    """
    shop = Shop(config)
    with Client(address, config.serving.model_name) as client:
        answer = client.similar(item_id, k)
    about = shop.texts([item_id]).get(item_id, "unknown to the items table")
    return _items(shop, answer, f"Similar to {item_id} ({about})")


def _items(shop: Shop, answer, title: str) -> Table:
    texts = shop.texts([item.item_id for item in answer])
    table = Table("item", "text", "score", title=title, title_justify="left")
    for item in answer:
        table.add_row(item.item_id, texts.get(item.item_id, ""), f"{item.score:.3f}")
    return table
