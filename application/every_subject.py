"""Every kind of target that can be changed, alone or with others."""

from application.calendars.subject import CalendarSubject
from application.closures.subject import ClosureSubject
from application.commands.repair_subject import RepairSubject
from application.flag_subject import FlagSubject
from application.many_subjects import ManySubjects
from application.periods.books_subject import BooksSubject
from application.policy_subject import PolicySubject
from application.reopenings.subject import ReopeningSubject
from application.settings.definition_subject import DefinitionSubject
from application.settings.rulebook_subject import RulebookSubject
from application.settings.subject import SettingSubject
from application.subjects import Subject, WholeSubject
from domain.changes import Kind

MEANINGS: dict[Kind, WholeSubject] = {
    Kind.SETTING_DEFINITION: DefinitionSubject(),
    Kind.SETTING_RULES: RulebookSubject(),
    Kind.POLICY: PolicySubject(),
    Kind.FISCAL_CALENDAR: CalendarSubject(),
    Kind.ENTITY_BOOKS: BooksSubject(),
}
"""What is always a change of its own."""
_UNROLLED: dict[Kind, Subject] = {
    Kind.PERIOD_CLOSE: ClosureSubject(),
    Kind.PERIOD_REOPEN: ReopeningSubject(),
    Kind.COMMAND_REPAIR: RepairSubject(),
}
"""They are approved as changes, and no rollout writes them."""
_MANY = ManySubjects(FlagSubject(), SettingSubject())


def subject_of(kind: Kind) -> Subject:
    """`kind` is that of the first target; flags and values may stand together in one change."""
    return _UNROLLED[kind] if kind in _UNROLLED else MEANINGS.get(kind, _MANY)
