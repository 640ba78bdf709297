"""Certificates of a period: what was true whenever it was closed, and whether anybody altered it since."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.auth import Acting
from api.routes.periods import At
from api.schemas.closure_certificates import CertificatesOut
from api.services import Use

router = APIRouter(prefix="/api/v1/entities/{entity}/periods/{period}/certificates", tags=["periods"])

Books = Annotated[bool, Query(description="Also ask every module whether its books are as the last one says.")]


@router.get("", summary="List the certificates of a period, oldest first, and check them")
async def listed(place: At, actor: Acting, use: Use, *, books: Books = False) -> CertificatesOut:
    """Each is checked against the one before it and against the digest in the audit trail."""
    return CertificatesOut.of(await use.closures.proving.of(actor, *place, books=books))
