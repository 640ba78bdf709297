"""Signed webhooks: who is told of which events, and what became of each."""

from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request, Response

from api.auth import Acting
from api.conditions import ExpectedVersion, flag_tag
from api.idempotency import KEYED, Once
from api.intake import Handle
from api.paging import Cursor, Limit, cut, decoded, encoded, identifier, moment
from api.schemas.common import ReasonIn
from api.schemas.events import DeliveryOut, DeliveryPage, WebhookIn, WebhookList, WebhookOut, WebhookSecretOut
from api.services import Use
from application.events.webhooks import Subscribed
from domain.events import DeliveryState


class OnceShown(Once):
    """What is kept to be answered again has no secret in it: that is put in on its way out."""

    def get_route_handler(self) -> Handle:
        handle = super().get_route_handler()

        async def shown(request: Request) -> Response:
            answer = await handle(request)
            secret: str | None = getattr(request.state, "secret", None)
            if secret is None:
                return answer
            told = {**orjson.loads(answer.body), "secret": secret}
            headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
            return Response(orjson.dumps(told), answer.status_code, headers)

        return shown


router = APIRouter(prefix="/api/v1/webhooks", tags=["events"], route_class=Once)
secrets = APIRouter(prefix="/api/v1/webhooks", tags=["events"], route_class=OnceShown)

Why = Annotated[str, Query(min_length=3, max_length=2000, description="Why; it stays in the history.")]


@secrets.post("", status_code=201, summary="Subscribe a webhook", dependencies=KEYED)
async def subscribe(wish: WebhookIn, request: Request, actor: Acting, use: Use, answer: Response) -> WebhookSecretOut:
    """The secret is shown once."""
    return _shown(request, answer, await use.events.webhooks.subscribe(actor, wish.wants(), wish.reason))


@router.get("", summary="List webhooks")
async def listed(actor: Acting, use: Use) -> WebhookList:
    return WebhookList.of(await use.events.webhooks.all(actor))


@router.get("/{id}", summary="Read a webhook")
async def read(id: UUID, actor: Acting, use: Use, answer: Response) -> WebhookOut:  # noqa: A002 -- the wire's name
    webhook = await use.events.webhooks.get(actor, id)
    answer.headers["ETag"] = flag_tag(webhook.version)
    return WebhookOut.of(webhook)


@router.put("/{id}", summary="Replace a webhook", dependencies=KEYED)
async def replace(
    id: UUID,  # noqa: A002 -- the wire's name
    expected: ExpectedVersion,
    wish: WebhookIn,
    actor: Acting,
    use: Use,
    answer: Response,
) -> WebhookOut:
    """Its secret stays. One that was switched off is tried again once it is enabled."""
    webhook = await use.events.webhooks.replace(actor, id, wish.wants(), expected=expected, reason=wish.reason)
    answer.headers["ETag"] = flag_tag(webhook.version)
    return WebhookOut.of(webhook)


@router.delete("/{id}", status_code=204, summary="Remove a webhook", dependencies=KEYED)
async def remove(
    id: UUID,  # noqa: A002 -- the wire's name
    expected: ExpectedVersion,
    actor: Acting,
    use: Use,
    reason: Why,
) -> None:
    """With all that is on its way to it."""
    await use.events.webhooks.remove(actor, id, expected=expected, reason=reason)


@secrets.post("/{id}/secret", summary="Make a new signing secret", dependencies=KEYED)
async def renew_secret(
    id: UUID,  # noqa: A002 -- the wire's name
    wish: ReasonIn,
    request: Request,
    actor: Acting,
    use: Use,
    answer: Response,
) -> WebhookSecretOut:
    """The one before signs nothing any more. The new one is shown once."""
    return _shown(request, answer, await use.events.webhooks.renew_secret(actor, id, wish.reason))


@router.post("/{id}/test", status_code=202, summary="Send a webhook an event of its own", dependencies=KEYED)
async def test(id: UUID, wish: ReasonIn, actor: Acting, use: Use) -> DeliveryOut:  # noqa: A002 -- the wire's name
    return DeliveryOut.of(await use.events.webhooks.test(actor, id, wish.reason))


@router.get("/{id}/deliveries", summary="Read what became of deliveries, newest first")
async def deliveries(
    id: UUID,  # noqa: A002 -- the wire's name
    actor: Acting,
    use: Use,
    state: DeliveryState | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> DeliveryPage:
    at, last = decoded("deliveries", cursor, moment, identifier) or (None, None)
    rows = await use.events.webhooks.deliveries(actor, id, state, (at, last) if at else None, limit + 1)
    return DeliveryPage.of(cut(rows, limit, lambda each: encoded("deliveries", each.created_at, each.id)))


@router.post("/{id}/deliveries/{delivery}/redeliver", status_code=202, summary="Deliver again", dependencies=KEYED)
async def redeliver(
    id: UUID,  # noqa: A002 -- the wire's name
    delivery: UUID,
    wish: ReasonIn,
    actor: Acting,
    use: Use,
) -> DeliveryOut:
    """Under the same id, so whoever had it knows it."""
    return DeliveryOut.of(await use.events.webhooks.redeliver(actor, id, delivery, wish.reason))


def _shown(request: Request, answer: Response, subscribed: Subscribed) -> WebhookSecretOut:
    answer.headers["ETag"] = flag_tag(subscribed.subscription.version)
    if subscribed.secret is not None:
        request.state.secret = subscribed.secret.reveal()
    return WebhookSecretOut.hidden(subscribed)
