"""The typed client: what a shop's back end calls.

Works alike against stock TensorFlow Serving and the embedded server, and needs neither TensorFlow nor its start-up
time: grpcio and protobuf only.

    with Client("localhost:8500") as client:
        history = [Event("item-7", timestamp=1_700_000_000, event="purchase")]
        for item in client.recommend("user-1", history, k=5):
            print(item.item_id, item.score, item.reason)

`AsyncClient` is the same for programs that run an event loop.
"""

from serving.client.answers import Match, Ranked, Recommendation, Version
from serving.client.async_client import AsyncClient
from serving.client.blocking_client import Client
from serving.client.errors import ServingError
from serving.client.requests import Event
from serving.client.tls import Tls

__all__ = [
    "AsyncClient",
    "Client",
    "Event",
    "Match",
    "Ranked",
    "Recommendation",
    "ServingError",
    "Tls",
    "Version",
]
