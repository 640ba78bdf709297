"""A message goes where its recipient's channel leads."""

from collections.abc import Mapping

from application.ports.notify import Channel, DeliveryRefused, Message, Notifier


class FanoutNotifier:
    """Answers `application.ports.notify.Notifier`; a channel that nobody set up is refused, not silently dropped."""

    def __init__(self, routes: Mapping[Channel, Notifier]) -> None:
        self._routes = dict(routes)

    async def deliver(self, message: Message) -> None:
        route = self._routes.get(message.recipient.channel)
        if route is None:
            raise DeliveryRefused(reason="no-channel", channel=message.recipient.channel.value)
        await route.deliver(message)
