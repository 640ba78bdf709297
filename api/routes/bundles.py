"""Settings of an environment as one document: exported, and imported whole or not at all."""

from fastapi import APIRouter, Response

from api.auth import Acting
from api.idempotency import KEYED, Once
from api.schemas.bundles import BundleIn, BundleOut, ImportOut
from api.services import Use
from domain.environments import Environment

router = APIRouter(prefix="/api/v1/settings-bundles", tags=["settings"], route_class=Once)


@router.get("", summary="Export the settings of an environment", response_model=BundleOut)
async def export(environment: Environment, actor: Acting, use: Use) -> Response:
    """Definitions, and what scopes say and plan to; secrets stay where they are. Exporting is an event in the trail."""
    bundle, at = await use.setting.transfer.export(actor, environment)
    name = f"{bundle.tenant}.{environment.value}.json"
    headers = {"ETag": f'"{bundle.checksum}"', "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(bundle.to_bytes(at), media_type="application/json", headers=headers)


@router.post("", summary="Import the settings of a bundle, all or none", dependencies=KEYED)
async def import_(wish: BundleIn, actor: Acting, use: Use, answer: Response) -> ImportOut:
    """`dry_run` tells what would be, and changes nothing. 202 where it waits for approval."""
    imported = await use.setting.transfer.import_(actor, wish.intake())
    if imported.submitted is not None:
        answer.status_code = 202
    return ImportOut.of(imported)
