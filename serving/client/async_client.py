"""The typed client for programs that run an event loop.

async with AsyncClient("localhost:8500") as client:
    items, also = await asyncio.gather(client.recommend("user-1"), client.similar("item-7"))
"""

from serving.client.connection import AioConnection
from serving.client.questions import Questions, Target
from serving.client.tls import Tls, channel_credentials


class AsyncClient(Questions):
    """`serving.client.Client` with coroutines as its methods; to be used within one event loop."""

    def __init__(
        self,
        address: str = "localhost:8500",
        model_name: str = "shelfwise",
        timeout: float = 10.0,
        *,
        version: int | None = None,
        label: str | None = None,
        tls: Tls | None = None,
        token: str | None = None,
    ):
        """Connects at the first call; arguments and errors are those of `Client`."""
        server_name = tls.server_name if tls else None
        self._aio = AioConnection(address, channel_credentials(tls, token), server_name)
        super().__init__(Target(address, model_name, version, label), self._aio, timeout)

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection; the questions under way, and all later ones, raise `ServingError`."""
        await self._aio.close()
