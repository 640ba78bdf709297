import asyncio
import datetime as dt
import email
import email.policy
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.notify.mail import MailNotifier, MailServer, Security
from application.ports.notify import Channel, DeliveryFailed, DeliveryRefused, Message, Recipient

MESSAGE = Message(
    UUID("01920000-0000-7000-8000-000000000001"),
    "votes_invalidated",
    Recipient(Channel.MAIL, "bo@example.com", "Bo Öberg"),
    {"title": "Neue Sätze", "environment": "prod", "cause": "the change was edited"},
    "https://changegate.example.com/changes/7",
)


@dataclass
class Postbox:
    """A real mail server's answers, and what it was given."""

    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    to_rcpt: str = "250 OK"
    to_data: str = "250 OK"
    port: int = 0

    async def handle_RCPT(self, _s: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.to_rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
            self.recipients.append(address)
        return self.to_rcpt

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        parsed = email.message_from_bytes(envelope.content, _class=EmailMessage, policy=email.policy.default)
        self.mails.append(parsed)
        return self.to_data

    def server(self, **changed: Any) -> MailServer:
        plain = MailServer("127.0.0.1", self.port, "changegate@example.com", Security.PLAIN, seconds=5)
        return replace(plain, **changed)


@pytest.fixture
async def postbox() -> AsyncIterator[Postbox]:
    postbox = Postbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(postbox, hostname="mx.test"), "127.0.0.1", 0)
    postbox.port = server.sockets[0].getsockname()[1]
    yield postbox
    server.close()


class TestMail:
    async def test_it_says_who_to_whom_and_what(self, postbox: Postbox) -> None:
        await MailNotifier(postbox.server()).deliver(MESSAGE)
        (mail,) = postbox.mails
        assert mail["To"] == "Bo Öberg <bo@example.com>"
        assert mail["From"] == "Changegate <changegate@example.com>"
        assert mail["Subject"] == "Please look again: Neue Sätze (prod)"
        assert mail["Auto-Submitted"] == "auto-generated"

    async def test_it_has_a_text_and_an_html_side(self, postbox: Postbox) -> None:
        await MailNotifier(postbox.server()).deliver(MESSAGE)
        (mail,) = postbox.mails
        assert mail.get_content_type() == "multipart/alternative"
        sides = [part.get_content_type() for part in mail.iter_parts()]
        assert sides == ["text/plain", "text/html"]
        text = mail.get_body(("plain",))
        assert text is not None
        assert 'The votes on "Neue Sätze" in prod no longer count: the change was edited.' in text.get_content()

    @pytest.mark.req("S77")
    async def test_the_same_message_is_the_same_mail(self, postbox: Postbox) -> None:
        for _ in range(2):
            await MailNotifier(postbox.server()).deliver(MESSAGE)
        assert {mail["Message-ID"] for mail in postbox.mails} == {f"<{MESSAGE.id}@example.com>"}

    async def test_no_fact_becomes_a_header(self, postbox: Postbox) -> None:
        inject = "x\r\nBcc: eve@example.com\r\n\r\nbody"
        hostile = replace(
            MESSAGE,
            recipient=replace(MESSAGE.recipient, name=inject),
            facts={**MESSAGE.facts, "title": inject, "environment": inject},
        )
        await MailNotifier(postbox.server()).deliver(hostile)
        (mail,) = postbox.mails
        assert mail["Bcc"] is None
        assert postbox.recipients == ["bo@example.com"]
        assert set(mail.keys()) == {
            "Message-ID", "Date", "From", "To", "Subject", "Auto-Submitted", "MIME-Version", "Content-Type",
        }  # fmt: skip

    @pytest.mark.parametrize(
        "address",
        [
            "",
            "bo",
            "bo@",
            "bo@example.com\r\nBcc: eve@example.com",
            "bo@example.com\n",
            "bo@example.com, eve@example.com",
            "Bo <bo@example.com>",
            "bo@example.com>",
            "a@b@c",
            "x" * 65 + "@example.com",
        ],
    )
    async def test_what_is_not_one_address_is_refused(self, postbox: Postbox, address: str) -> None:
        with pytest.raises(DeliveryRefused):
            await MailNotifier(postbox.server()).deliver(replace(MESSAGE, recipient=Recipient(Channel.MAIL, address)))
        assert postbox.mails == []


class TestServer:
    async def outcome(self, server: MailServer) -> DeliveryFailed:
        with pytest.raises(DeliveryFailed) as failed:
            await MailNotifier(server).deliver(MESSAGE)
        return failed.value

    @pytest.mark.parametrize(
        ("answers", "kind"),
        [
            ({"to_rcpt": "550 no such mailbox"}, DeliveryRefused),
            ({"to_rcpt": "450 mailbox busy"}, DeliveryFailed),
            ({"to_data": "554 looks like spam"}, DeliveryRefused),
            ({"to_data": "451 try later"}, DeliveryFailed),
        ],
    )
    async def test_what_is_final_is_refused_and_the_rest_may_be_tried_again(
        self, postbox: Postbox, answers: dict[str, str], kind: type
    ) -> None:
        for name, answer in answers.items():
            setattr(postbox, name, answer)
        assert type(await self.outcome(postbox.server())) is kind

    async def test_nobody_listening(self, postbox: Postbox) -> None:
        assert (await self.outcome(postbox.server(port=1))).facts["reason"] == "no-connection"

    async def test_a_server_that_says_nothing(self, postbox: Postbox) -> None:
        async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        async with await asyncio.start_server(silence, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            assert (await self.outcome(postbox.server(port=port, seconds=0.2))).facts["reason"] == "timeout"

    async def test_a_server_that_speaks_something_else(self, postbox: Postbox) -> None:
        async def http(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(http, "127.0.0.1", 0) as server:
            assert type(await self.outcome(postbox.server(port=server.sockets[0].getsockname()[1]))) is DeliveryFailed

    async def test_starttls_is_never_given_up(self, postbox: Postbox) -> None:
        assert type(await self.outcome(postbox.server(security=Security.STARTTLS))) is DeliveryFailed
        assert postbox.mails == []

    def test_a_password_is_not_sent_in_the_clear(self, postbox: Postbox) -> None:
        with pytest.raises(ValueError, match="clear"):
            postbox.server(username="changegate", password="word")

    def test_a_password_is_not_shown(self, postbox: Postbox) -> None:
        shown = repr(postbox.server(security=Security.TLS, username="changegate", password="very-secret"))
        assert "very-secret" not in shown

    def test_the_sender_is_one_address(self, postbox: Postbox) -> None:
        with pytest.raises(ValueError, match="sender"):
            postbox.server(sender="x@example.com\r\nBcc: y@example.com")


def certificate(folder: Path) -> Path:
    """A self-signed certificate for `localhost` with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    start = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "localhost.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


class TestLogin:
    @pytest.fixture
    async def guarded(self, postbox: Postbox, tmp_path: Path) -> AsyncIterator[MailServer]:
        """A real server that takes mail only after STARTTLS and a login."""
        pem = certificate(tmp_path)
        serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serving.load_cert_chain(pem)

        def authenticate(_server: Any, _session: Any, _envelope: Any, _how: str, given: Any) -> AuthResult:
            good = isinstance(given, LoginPassword) and (given.login, given.password) == (b"changegate", b"word")
            return AuthResult(success=good, handled=False)

        def session() -> SMTP:
            return SMTP(
                postbox,
                hostname="mx.test",
                tls_context=serving,
                require_starttls=True,
                authenticator=authenticate,
                auth_required=True,
            )

        listening = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
        yield MailServer(
            "localhost",
            listening.sockets[0].getsockname()[1],
            "changegate@example.com",
            Security.STARTTLS,
            username="changegate",
            password="word",
            tls=ssl.create_default_context(cafile=str(pem)),
            seconds=5,
        )
        listening.close()

    async def test_a_login_goes_over_starttls(self, postbox: Postbox, guarded: MailServer) -> None:
        await MailNotifier(guarded).deliver(MESSAGE)
        assert postbox.recipients == ["bo@example.com"]

    async def test_a_wrong_password_may_be_put_right(self, postbox: Postbox, guarded: MailServer) -> None:
        with pytest.raises(DeliveryFailed) as failed:
            await MailNotifier(replace(guarded, password="wrong")).deliver(MESSAGE)
        assert failed.value.facts == {"reason": "server", "code": 535}

    async def test_a_server_that_nobody_vouches_for_gets_no_password(
        self, postbox: Postbox, guarded: MailServer
    ) -> None:
        with pytest.raises(DeliveryFailed):
            await MailNotifier(replace(guarded, tls=None)).deliver(MESSAGE)
        assert postbox.mails == []
