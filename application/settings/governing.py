"""What settings mean is replaced at once where no policy asks anybody, and as a change where one does."""

from application.ports.settings import Rulebook, StoredDefinition
from application.settings.definitions import SettingDefinitions
from application.settings.rulebook import Rules
from application.submission import Submission, Submitted
from domain.canonical import Json
from domain.changes import ChangeSet
from domain.people import Actor


class SettingMeanings:
    """Each raises what SettingDefinitions and Rules raise, and what a submission does."""

    def __init__(self, submission: Submission, definitions: SettingDefinitions, rules: Rules) -> None:
        self._submission = submission
        self._definitions = definitions
        self._rules = rules

    async def redefine(
        self, actor: Actor, key: str, raw: Json, *, expected: int, reason: str
    ) -> StoredDefinition | Submitted:
        """A definition holds in every environment: the one that asks most decides."""
        done = await self._definitions.replace(actor, key, raw, expected=expected, reason=reason)
        return await self._submission.submit(actor, done.id) if isinstance(done, ChangeSet) else done

    async def rule(self, actor: Actor, raw: Json, *, expected: int, reason: str) -> Rulebook | Submitted:
        """Every rule anew."""
        done = await self._rules.replace(actor, raw, expected=expected, reason=reason)
        return await self._submission.submit(actor, done.id) if isinstance(done, ChangeSet) else done
