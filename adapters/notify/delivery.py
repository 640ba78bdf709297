"""The settings say how messages are delivered."""

from adapters.notify.routes import notifier
from adapters.settings import Settings
from application.delivering import Delivery, Outlets
from application.ports.egress import Egress
from application.ports.links import LinkSeals
from application.ports.secrets import Sealer
from application.ports.store import Store


def delivery(settings: Settings, store: Store, egress: Egress, sealer: Sealer, links: LinkSeals) -> Delivery:
    """Mail only where a server is named, and the installation's own webhook where there is one."""
    return Delivery(
        store,
        notifier(settings, egress),
        Outlets(settings.public_url, settings.webhook_url, settings.smtp_host is not None),
        sealer,
        links=links,
    )
