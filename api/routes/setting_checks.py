"""Whether a setting exists and a value of it would be accepted: for other modules, and for forms."""

from fastapi import APIRouter

from api.auth import Acting
from api.intake import Checked
from api.routes.settings import At, Key
from api.schemas.setting_checks import CheckIn, CheckOut
from api.services import Use
from application.settings.wishes import Wish
from domain.settings import EntryState

router = APIRouter(prefix="/api/v1/settings", tags=["settings"], route_class=Checked)


@router.post("/{key}/check", summary="Ask whether a value would be accepted")
async def check(key: Key, at: At, asked: CheckIn, actor: Acting, use: Use) -> CheckOut:
    """By its definition, by what broader scopes say, and by every rule, as things are now. Nothing is written."""
    wish = Wish(key, at.scope, EntryState.SET, asked.value)
    return CheckOut.of(await use.setting.questions.faults(actor, at.environment, wish))
