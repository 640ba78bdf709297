"""A link from a message lets its person, and nobody else, read what is asked and vote on it once."""

from dataclasses import dataclass, replace

from application.approvals import Approvals, ApprovalView, VoteWish
from application.authentication import Authentication
from application.ports.links import Link, LinkSeals
from application.ports.notify import Section
from application.ports.store import Store
from application.recording import record
from application.summaries import summary
from domain.approvals import Answer, DigestMismatch
from domain.audit import Action, Outcome
from domain.errors import Conflict, Forbidden
from domain.people import Actor


class LinkOfAnother(Forbidden):
    """This link was made for somebody else."""

    kind = "link-of-another"


class LinkUsed(Conflict):
    """This link was used; the vote that was given with it stands."""

    kind = "link-used"


@dataclass(frozen=True)
class Question:
    """What the person of a link is asked."""

    view: ApprovalView
    sections: tuple[Section, ...]


class VoteLinks:
    """Each raises LinkForged or LinkExpired where it applies; none of them changes anything but `vote`."""

    def __init__(self, store: Store, seals: LinkSeals, authentication: Authentication, approvals: Approvals) -> None:
        self._store = store
        self._seals = seals
        self._authentication = authentication
        self._approvals = approvals

    def read(self, token: str) -> Link:
        return self._seals.read(token)

    async def person(self, link: Link, access_token: str, *, reading: bool) -> Actor:
        """Who says so by an access token of their own. Raises Unauthenticated, or LinkOfAnother."""
        home = await self._store.home(link.tenant)
        actor = await self._authentication.actor(access_token, home.slug, reading=reading)
        if actor.id != link.person:
            async with self._store.transaction(actor.tenant) as tx:
                await record(tx, Action.VOTE_REFUSED, ("approval", link.approval), actor=actor, outcome=Outcome.DENIED,
                             change=link.approval, after={"refusal": LinkOfAnother.kind, "via": "link"})  # fmt: skip
            raise LinkOfAnother
        return actor

    async def question(self, actor: Actor, link: Link) -> Question:
        """LinkUsed once it was voted with; DigestMismatch when the change was written anew since."""
        await self._check_unused(actor, link)
        view = await self._approvals.get(actor, link.approval)
        if view.approval.digest != link.digest:
            raise DigestMismatch(expected=view.approval.digest)
        async with self._store.transaction(actor.tenant) as tx:
            return Question(view, await summary(tx, view.change.id))

    async def vote(self, actor: Actor, link: Link, wish: VoteWish) -> ApprovalView:
        """The vote of this person on what the page showed; everything that refuses a vote refuses this one."""
        await self._check_unused(actor, link)
        if wish.digest != link.digest:
            raise DigestMismatch(expected=link.digest)
        return await self._approvals.vote(replace(actor, request=link.request(wish.answer)), link.approval, wish)

    async def _check_unused(self, actor: Actor, link: Link) -> None:
        async with self._store.transaction(actor.tenant) as tx:
            for answer in Answer:
                intent = await tx.intents.get(link.request(answer))
                if intent is not None and intent.done:
                    raise LinkUsed(answer=answer.value)
