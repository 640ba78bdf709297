"""What people were told is a list in memory."""

from dataclasses import dataclass, field

from application.ports.notify import DeliveryFailed, Message, check


@dataclass
class MemoryNotifier:
    """Answers `application.ports.notify.Notifier`; while `down` nothing gets through."""

    down: bool = False
    delivered: list[Message] = field(default_factory=list)

    async def deliver(self, message: Message) -> None:
        check(message)
        if self.down:
            raise DeliveryFailed(reason="down")
        self.delivered.append(message)
