"""Clients that evaluate by themselves wait here for the next revision of their flag set, as one document of flagd."""

import asyncio
from contextlib import suppress
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from api.callers import Headers
from api.flagd.admission import Admission
from api.flagd.pictures import Picture
from api.instances import noted, said_in
from api.services import Use
from api.streaming import unless_left
from application.instances.sightings import Sightings

MOST_SECONDS: Final = 30
_CHECK_SECONDS: Final = 5.0
"""Who waits is asked again for a good token, and seen as an instance, at least so often."""

router = APIRouter(prefix="/flagd/v1", include_in_schema=False)


@router.get("/flags.json")
async def followed(request: Request, use: Use, wait: Annotated[int, Query(ge=0, le=MOST_SECONDS)] = 0) -> Response:
    """Which set it is the headers say, as for an evaluation; at once, unless the tag is that of the newest."""
    news = _news(request.app.state.flagd, dict(request.scope["headers"]), wait, use.sightings)
    picture = await unless_left(request, news, None)
    told = {"Cache-Control": "private, no-cache"}
    if picture is None:
        return Response(status_code=304, headers=told)
    return Response(picture.document, media_type="application/json", headers={**told, "ETag": picture.tag})


async def _news(admission: Admission, headers: Headers, wait: int, sightings: Sightings) -> Picture | None:
    """None where there was no news for so many seconds."""
    tag, instance = headers.get(b"if-none-match", b"").decode("latin-1"), said_in(headers)
    end = asyncio.get_running_loop().time() + wait
    while True:
        source = (await admission.admitted(headers)).held
        picture = source.picture
        if instance is not None:
            held = picture.revision if picture.tag in tag else None
            noted(sightings, instance, source.tenant, source.environment, flags=held)
        if picture.tag not in tag:
            return picture
        left = end - asyncio.get_running_loop().time()
        if left <= 0:
            return None
        with suppress(TimeoutError):
            async with asyncio.timeout(min(left, _CHECK_SECONDS)):
                await source.shelf.newer(picture.revision)
