"""Rollouts: begun, watched with their evidence, and steered by operators."""

from uuid import UUID

from fastapi import APIRouter

from api.auth import Acting
from api.idempotency import KEYED, NewId, Once
from api.intake import Checked
from api.paging import Cursor, Limit, cut, decoded, encoded, identifier, moment
from api.problems import beneath
from api.routes.changes import Contributors
from api.schemas.changes import ChangeIn
from api.schemas.common import ReasonIn
from api.schemas.releases import SupersededOut
from api.schemas.rollouts import EvidenceOut, PreviewOut, RolloutOut, RolloutPage, SubmittedOut, TimelineOut
from api.services import Use
from domain.rollouts import Verb

router = APIRouter(prefix="/api/v1/rollouts", tags=["rollouts"], route_class=Once)
previews = APIRouter(prefix="/api/v1/rollouts", tags=["rollouts"], route_class=Checked)
"""Apart, because a token must not be kept to be answered again."""


@router.post("", status_code=201, summary="Propose a change and submit it")
async def begin(wish: ChangeIn, contributors: Contributors, actor: Acting, use: Use, new: NewId) -> SubmittedOut:
    """In one call; the rollout starts when its approval is given."""
    with beneath("/definition", instead_of="/content"):
        change = await use.changes.propose(actor, wish.proposal(new, contributors))
    return SubmittedOut.of(await use.submission.submit(actor, change.id))


@router.get("", summary="List rollouts, newest first")
async def listed(actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> RolloutPage:
    before = decoded("rollouts", cursor, moment, identifier)
    rows = await use.rollouts.page(actor, before, limit + 1)
    return RolloutPage.of(cut(rows, limit, lambda rollout: encoded("rollouts", rollout.created_at, rollout.id)))


@router.get("/scheduled", summary="List rollouts that are to start at a moment, the next first")
async def scheduled(actor: Acting, use: Use, cursor: Cursor = None, limit: Limit = 50) -> RolloutPage:
    """Approved or not, until they start: each by the `apply_at` of its plan."""
    after = decoded("scheduled-rollouts", cursor, moment, identifier)
    rows = await use.rollouts.scheduled(actor, after, limit + 1)
    return RolloutPage.of(cut(rows, limit, lambda each: encoded("scheduled-rollouts", each.plan.apply_at, each.id)))


@router.get("/{id}", summary="Read a rollout")
async def read(id: UUID, actor: Acting, use: Use) -> RolloutOut:  # noqa: A002 -- the wire's name
    return RolloutOut.of(await use.rollouts.get(actor, id))


@router.get("/{id}/timeline", summary="Read every step of a rollout")
async def timeline(id: UUID, actor: Acting, use: Use) -> TimelineOut:  # noqa: A002 -- the wire's name
    return TimelineOut.of(*await use.rollouts.timeline(actor, id))


@router.get("/{id}/evidence", summary="Read what the gates saw and said")
async def evidence(id: UUID, actor: Acting, use: Use) -> EvidenceOut:  # noqa: A002 -- the wire's name
    return EvidenceOut.of(await use.rollouts.evidence(actor, id))


@router.post("/{id}/supersede", summary="Let a rollout that waits take its targets", dependencies=KEYED)
async def supersede(id: UUID, wish: ReasonIn, actor: Acting, use: Use) -> SupersededOut:  # noqa: A002 -- the wire's name
    """Only one that is approved; those that hold its targets go back first, and end superseded."""
    return SupersededOut(superseded=await use.superseding.supersede(actor, id, wish.reason))


@router.post("/{id}/start", summary="Start a rollout before its moment", dependencies=KEYED)
async def start(id: UUID, wish: ReasonIn, actor: Acting, use: Use) -> RolloutOut:  # noqa: A002 -- the wire's name
    """It is looked at as it would be then: windows, freezes and whoever holds its targets still hold it back."""
    return RolloutOut.of(await use.rollouts.control(actor, id, Verb.START, wish.reason))


@router.post("/{id}/pause", summary="Pause a rollout", dependencies=KEYED)
async def pause(id: UUID, wish: ReasonIn, actor: Acting, use: Use) -> RolloutOut:  # noqa: A002 -- the wire's name
    """Exposure stays where it is; the pause has an end."""
    return RolloutOut.of(await use.rollouts.control(actor, id, Verb.PAUSE, wish.reason))


@router.post("/{id}/resume", summary="Resume a paused rollout", dependencies=KEYED)
async def resume(id: UUID, wish: ReasonIn, actor: Acting, use: Use) -> RolloutOut:  # noqa: A002 -- the wire's name
    return RolloutOut.of(await use.rollouts.control(actor, id, Verb.RESUME, wish.reason))


@router.post("/{id}/promote", summary="Promote past an inconclusive gate", dependencies=KEYED)
async def promote(id: UUID, wish: ReasonIn, actor: Acting, use: Use) -> RolloutOut:  # noqa: A002 -- the wire's name
    """Covers the present gate only, and never one that failed or could not see."""
    return RolloutOut.of(await use.rollouts.control(actor, id, Verb.PROMOTE, wish.reason))


@router.post("/{id}/abort", summary="Abort a rollout", dependencies=KEYED)
async def abort(id: UUID, wish: ReasonIn, actor: Acting, use: Use) -> RolloutOut:  # noqa: A002 -- the wire's name
    """Cancels what is not exposed yet and rolls back what is."""
    return RolloutOut.of(await use.rollouts.control(actor, id, Verb.ABORT, wish.reason))


@router.post("/{id}/rollback", summary="Roll a rollout back", dependencies=KEYED)
async def rollback(id: UUID, wish: ReasonIn, actor: Acting, use: Use) -> RolloutOut:  # noqa: A002 -- the wire's name
    return RolloutOut.of(await use.rollouts.control(actor, id, Verb.ROLLBACK, wish.reason))


@router.post("/{id}/rollback-incomplete/retry", summary="Try an incomplete rollback again", dependencies=KEYED)
async def retry(id: UUID, wish: ReasonIn, actor: Acting, use: Use) -> RolloutOut:  # noqa: A002 -- the wire's name
    return RolloutOut.of(await use.rollouts.control(actor, id, Verb.RETRY, wish.reason))


@router.post("/{id}/rollback-incomplete/accept", summary="Leave an incomplete rollback as it is", dependencies=KEYED)
async def accept(id: UUID, wish: ReasonIn, actor: Acting, use: Use) -> RolloutOut:  # noqa: A002 -- the wire's name
    """What others wrote since stays, and is listed in the audit trail."""
    return RolloutOut.of(await use.rollouts.control(actor, id, Verb.ACCEPT, wish.reason))


@router.post("/{id}/rollback-incomplete/force", summary="Roll back over what others wrote since", dependencies=KEYED)
async def force(id: UUID, wish: ReasonIn, actor: Acting, use: Use) -> RolloutOut:  # noqa: A002 -- the wire's name
    return RolloutOut.of(await use.rollouts.control(actor, id, Verb.FORCE, wish.reason))


@previews.post("/{id}/preview-tokens", status_code=201, summary="Look at what a blue-green rollout has prepared")
async def preview(id: UUID, actor: Acting, use: Use) -> PreviewOut:  # noqa: A002 -- the wire's name
    """Flags that are evaluated with this token in `Changegate-Preview` are answered as after the switch."""
    issued = await use.previewing.issue(actor, id)
    return PreviewOut(token=issued.token, expires_at=issued.expires_at)
