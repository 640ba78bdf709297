"""May this be posted: an answer from memory, for forms and imports; the guard binds when something is posted."""

from fastapi import APIRouter

from api.auth import Acting
from api.intake import Checked
from api.schemas.posting_checks import PostingChecksIn, PostingChecksOut
from api.services import Use

router = APIRouter(prefix="/api/v1/posting-checks", tags=["periods"], route_class=Checked)


@router.post("", summary="Ask whether postings would be let in")
async def ask(wish: PostingChecksIn, actor: Acting, use: Use) -> PostingChecksOut:
    """A fault of form leaves all unanswered; whatever else is wrong with one is its answer. 503 if nothing is sure."""
    return PostingChecksOut.of(await use.posting_checks.ask(actor, wish.questions(), wish.person))
