"""Every kind of target that can be changed, alone or with others."""

from application.flag_subject import FlagSubject
from application.many_subjects import ManySubjects
from application.policy_subject import PolicySubject
from application.settings.definition_subject import DefinitionSubject
from application.settings.rulebook_subject import RulebookSubject
from application.settings.subject import SettingSubject
from application.subjects import Subject, WholeSubject
from domain.changes import Kind

MEANINGS: dict[Kind, WholeSubject] = {
    Kind.SETTING_DEFINITION: DefinitionSubject(),
    Kind.SETTING_RULES: RulebookSubject(),
    Kind.POLICY: PolicySubject(),
}
"""What is always a change of its own."""
_MANY = ManySubjects(FlagSubject(), SettingSubject())


def subject_of(kind: Kind) -> Subject:
    """`kind` is that of the first target; flags and values may stand together in one change."""
    return MEANINGS.get(kind, _MANY)
