"""Every kind of target that can be changed."""

from application.flag_subject import FlagSubject
from application.settings.definition_subject import DefinitionSubject
from application.settings.rulebook_subject import RulebookSubject
from application.settings.subject import SettingSubject
from application.subjects import Subject
from domain.changes import Kind

SUBJECTS: dict[Kind, Subject] = {
    Kind.FLAG: FlagSubject(),
    Kind.SETTING: SettingSubject(),
    Kind.SETTING_DEFINITION: DefinitionSubject(),
    Kind.SETTING_RULES: RulebookSubject(),
}


def subject_of(kind: Kind) -> Subject:
    return SUBJECTS[kind]
