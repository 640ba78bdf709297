"""How flags are used, and which sources name them."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.auth import Acting
from api.conditions import flag_tag
from api.idempotency import KEYED, Once, OnceLarge
from api.intake import Checked
from api.paging import Cursor, Limit, cut, decoded, encoded, text
from api.routes.flags import In, Key, Over
from api.schemas.common import KEY, ReasonIn
from api.schemas.flag_usage import ArchiveIn, ReferencePage, ReportIn, ScanOut, UsageOut
from api.schemas.flags import FlagOut
from api.services import Use

router = APIRouter(prefix="/api/v1/flags/{key}", tags=["flags"], route_class=Checked)
archive = APIRouter(prefix="/api/v1/flags/{key}", tags=["flags"], route_class=Once)
references = APIRouter(prefix="/api/v1/flag-references", tags=["flags"], route_class=OnceLarge)

Repository = Annotated[str, Path(pattern=KEY, description="What the sources are called, the same at each report.")]
Hours = Annotated[int, Query(ge=1, le=2160, description="Counted over how many hours; 90 days at most.")]


@router.get("/usage", summary="Read how a flag is used")
async def usage(key: Key, environment: In, actor: Acting, use: Use, hours: Hours = 168) -> UsageOut:
    """How often it was evaluated, when each variant was given, which sources name it, and what follows from that."""
    return UsageOut.of(await use.flag_use.usage(actor, (environment, key), hours))


@router.get("/references", summary="List the files that name a flag")
async def named(
    key: Key, environment: In, actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50
) -> ReferencePage:
    """By repository and path, as each repository reported it last."""
    after: tuple[str, str] = decoded("references", cursor, text, text) or ("", "")
    rows = await use.flag_use.references(actor, (environment, key), after, limit + 1)
    return ReferencePage.of(cut(rows, limit, lambda found: encoded("references", found[0], found[1].path)))


@archive.post("/archive", summary="Archive a flag", dependencies=KEYED)
async def archived(key: Key, over: Over, wish: ArchiveIn, actor: Acting, use: Use, answer: Response) -> FlagOut:
    """It is served to nobody, and kept; refused while it may be in use, unless that is confirmed."""
    flag = await use.flag_archive.archive(
        actor, (over.environment, key), expected=over.version, reason=wish.reason, confirm=wish.confirm
    )
    answer.headers["ETag"] = flag_tag(flag.version)
    return FlagOut.of(flag)


@archive.post("/restore", summary="Serve an archived flag again", dependencies=KEYED)
async def restored(key: Key, over: Over, wish: ReasonIn, actor: Acting, use: Use, answer: Response) -> FlagOut:
    """As it was when it was archived."""
    flag = await use.flag_archive.restore(actor, (over.environment, key), expected=over.version, reason=wish.reason)
    answer.headers["ETag"] = flag_tag(flag.version)
    return FlagOut.of(flag)


@references.put("/{repository}", summary="Report which files name flags", dependencies=KEYED)
async def report(repository: Repository, environment: In, wish: ReportIn, actor: Acting, use: Use) -> ScanOut:
    """Every key of the environment was searched for; this takes the place of what the repository reported before."""
    return ScanOut.of(await use.flag_reports.take(actor, wish.of(environment, repository)))
