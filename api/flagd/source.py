"""flagd's HTTP source polls a flag set as one document, which it is sent again only when it has changed."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api.flagd.admission import Admission
from api.instances import noted, said_in
from api.services import Use

Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,63}$")]

router = APIRouter(prefix="/flagd/v1", include_in_schema=False)


@router.get("/{tenant}/{environment}/flags.json")
async def document(tenant: Name, environment: Name, request: Request, use: Use) -> Response:
    """The path names the flag set, because flagd can send no header but Authorization."""
    admission: Admission = request.app.state.flagd
    place = {b"changegate-tenant": tenant.encode(), b"changegate-environment": environment.encode()}
    headers = {**dict(request.scope["headers"]), **place}
    source = (await admission.admitted(headers)).held
    picture, instance = source.picture, said_in(headers)
    if instance is not None:
        noted(use.sightings, instance, source.tenant, source.environment, flags=picture.revision)
    told = {"ETag": picture.tag, "Cache-Control": "private, no-cache"}
    if picture.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=told)
    return Response(picture.document, media_type="application/json", headers=told)
