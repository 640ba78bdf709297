"""What a change or a draft of a flag would do to contexts, and what of contexts is sampled."""

from uuid import UUID

from fastapi import APIRouter, Response

from api.auth import Acting
from api.conditions import flag_tag
from api.idempotency import KEYED, Once
from api.intake import Checked
from api.problems import beneath
from api.routes.flags import In, Key, Over
from api.schemas.flag_impact import DraftImpactIn, ImpactIn, ImpactOut, SamplingIn, SamplingOut
from api.services import Use

changes = APIRouter(prefix="/api/v1/changes", tags=["changes"], route_class=Checked)
drafts = APIRouter(prefix="/api/v1/flags", tags=["flags"], route_class=Checked)
sampling = APIRouter(prefix="/api/v1/flag-sampling", tags=["flags"], route_class=Once)


@changes.post("/{id}/impact", summary="Ask what a change of flags would do to contexts")
async def of_change(id: UUID, asked: ImpactIn, actor: Acting, use: Use) -> ImpactOut:  # noqa: A002 -- the wire's name
    """From what it was written over to what it writes; `GET .../diff` tells the numbers of sampled contexts, too."""
    return ImpactOut.of(await use.flag_impacts.of_change(actor, id, asked.contexts))


@drafts.post("/{key}/impact", summary="Ask what a definition of a flag would do to contexts")
async def of_draft(key: Key, environment: In, asked: DraftImpactIn, actor: Acting, use: Use) -> ImpactOut:
    """From what is stored now; nothing is written."""
    with beneath("/definition"):
        answer = await use.flag_impacts.of_draft(actor, (environment, key), asked.definition, asked.contexts)
    return ImpactOut.of(answer)


@sampling.get("", summary="Read what of contexts is sampled")
async def chosen(environment: In, actor: Acting, use: Use, answer: Response) -> SamplingOut:
    view = await use.flag_sampling.get(actor, environment)
    answer.headers["ETag"] = flag_tag(view.version)
    return SamplingOut.of(view)


@sampling.put("", summary="Choose what of contexts is sampled", dependencies=KEYED)
async def choose(over: Over, wish: SamplingIn, actor: Acting, use: Use, answer: Response) -> SamplingOut:
    """Over the version in If-Match (`"v0"` for the first). Contexts are kept for 30 days after they were seen last.

    Where other attributes are chosen, or none, what was sampled until then is deleted.
    """
    view = await use.flag_sampling.choose(
        actor, over.environment, wish.sampling(), expected=over.version, reason=wish.reason
    )
    answer.headers["ETag"] = flag_tag(view.version)
    return SamplingOut.of(view)
