"""Why a context gets the variant that it gets."""

from fastapi import APIRouter

from api.auth import Acting
from api.intake import Checked
from api.problems import beneath
from api.routes.flags import In, Key
from api.schemas.flag_explanations import ExplainIn, ExplanationOut
from api.services import Use

router = APIRouter(prefix="/api/v1/flags/{key}", tags=["flags"], route_class=Checked)


@router.post("/explain", summary="Explain what a flag gives for one context")
async def explain(key: Key, environment: In, asked: ExplainIn, actor: Acting, use: Use) -> ExplanationOut:
    """In one sentence, and rule by rule with what was looked at; nothing is counted, stored or told to others."""
    question = asked.question()
    with beneath("/definition"):
        return ExplanationOut.of(await use.explaining.explain(actor, (environment, key), question))
