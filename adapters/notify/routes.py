"""The settings say which channels there are."""

from adapters.notify.fanout import FanoutNotifier
from adapters.notify.mail import MailNotifier, MailServer, Security
from adapters.notify.webhook import WebhookNotifier
from adapters.settings import Settings
from application.ports.egress import Egress
from application.ports.notify import Channel, Notifier, Recipient


def notifier(settings: Settings, egress: Egress) -> Notifier:
    """Mail only where a server is named; a webhook is asked for one by one."""

    async def webhook_secret(_recipient: Recipient) -> str:
        return settings.webhook_secret.get_secret_value() if settings.webhook_secret else ""

    routes: dict[Channel, Notifier] = {
        Channel.WEBHOOK: WebhookNotifier(egress, webhook_secret),
        Channel.SLACK: WebhookNotifier(egress, None),
    }
    if settings.smtp_host is not None:
        routes[Channel.MAIL] = MailNotifier(_mail_server(settings, settings.smtp_host))
    return FanoutNotifier(routes)


def _mail_server(settings: Settings, host: str) -> MailServer:
    password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
    return MailServer(
        host,
        settings.smtp_port,
        settings.smtp_sender,
        security=Security(settings.smtp_security),
        username=settings.smtp_username,
        password=password,
    )
