"""A worker's relay that kills itself once a webhook has taken an event, and before that is written down.

`python -m tests.chaos.doomed_relay`: it looks until there is something to deliver.
"""

import asyncio
import os
import signal
from uuid import UUID

from adapters.notify.events import SignedPosts
from adapters.settings import Settings
from application.events.cases import relay
from application.ports.secrets import Secret
from bootstrap import parts


class LastPost(SignedPosts):
    async def post(self, url: str, message: UUID, body: bytes, secret: Secret) -> None:
        await super().post(url, message, body, secret)
        os.kill(os.getpid(), signal.SIGKILL)


async def main() -> None:
    async with parts(Settings.read()) as made:
        await relay(made.store, made.sealer, LastPost(made.egress), made.settings.event_days).run()


if __name__ == "__main__":
    asyncio.run(main())
