"""A mail has a text and an HTML side, one recipient, and an id that says when it is the same mail again."""

import asyncio
import re
import ssl
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import localtime
from enum import StrEnum
from typing import Final

import aiosmtplib

from adapters.notify.wording import Wording, one_line, worded
from application.ports.notify import DeliveryFailed, DeliveryRefused, Message, Recipient

_MAILBOX: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_ADDRESS_CHARACTERS: Final = 254
_PERMANENT: Final = 500


class Security(StrEnum):
    PLAIN = "plain"
    STARTTLS = "starttls"
    TLS = "tls"


@dataclass(frozen=True)
class MailServer:
    """Where mail is handed in, and as whom; `seconds` bounds a whole delivery."""

    host: str
    port: int
    sender: str
    security: Security = Security.STARTTLS
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    seconds: float = 15.0

    def __post_init__(self) -> None:
        if not _is_mailbox(self.sender):
            raise ValueError("the sender is one mail address")
        if self.username and self.security is Security.PLAIN:
            raise ValueError("a password is not sent in the clear: choose starttls or tls")

    @property
    def domain(self) -> str:
        return self.sender.rpartition("@")[2]


class MailNotifier:
    """Answers `application.ports.notify.Notifier` over SMTP, one connection a message."""

    def __init__(self, server: MailServer) -> None:
        self._server = server

    async def deliver(self, message: Message) -> None:
        mail = self._composed(message, worded(message))
        try:
            async with asyncio.timeout(self._server.seconds), self._connection() as smtp:
                await smtp.send_message(mail)
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
            raise _failure(error) from None

    def _composed(self, message: Message, wording: Wording) -> EmailMessage:
        mail = EmailMessage()
        mail["Message-ID"] = f"<{message.id}@{self._server.domain}>"
        mail["Date"] = localtime()
        mail["From"] = Address("Changegate", addr_spec=self._server.sender)
        mail["To"] = _address(message.recipient)
        mail["Subject"] = wording.subject
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(wording.text())
        mail.add_alternative(wording.html(), subtype="html")
        return mail

    def _connection(self) -> aiosmtplib.SMTP:
        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            local_hostname=server.domain,  # else the library asks the resolver who we are, and blocks
            timeout=server.seconds,
            use_tls=server.security is Security.TLS,
            start_tls=server.security is Security.STARTTLS,
            tls_context=server.tls,
        )


def _address(recipient: Recipient) -> Address:
    if not _is_mailbox(recipient.address):
        raise DeliveryRefused(reason="recipient")
    return Address(one_line(recipient.name), addr_spec=recipient.address)


def _is_mailbox(text: str) -> bool:
    return len(text) <= _ADDRESS_CHARACTERS and _MAILBOX.fullmatch(text) is not None


def _failure(error: Exception) -> DeliveryFailed:
    match error:
        case aiosmtplib.SMTPRecipientsRefused(recipients=[aiosmtplib.SMTPRecipientRefused(code=code), *_]):
            return DeliveryRefused(reason="recipient", code=code) if code >= _PERMANENT else _later("recipient", code)
        case aiosmtplib.SMTPDataError(code=code):
            return DeliveryRefused(reason="content", code=code) if code >= _PERMANENT else _later("content", code)
        case aiosmtplib.SMTPResponseException(code=code):
            return _later("server", code)
        case TimeoutError():
            return DeliveryFailed(reason="timeout")
        case _:
            return DeliveryFailed(reason="no-connection")


def _later(reason: str, code: int) -> DeliveryFailed:
    return DeliveryFailed(reason=reason, code=code)
