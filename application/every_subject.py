"""Every kind of target that can be changed."""

from application.flag_subject import FlagSubject
from application.settings.subject import SettingSubject
from application.subjects import Subject
from domain.changes import Kind

SUBJECTS: dict[Kind, Subject] = {Kind.FLAG: FlagSubject(), Kind.SETTING: SettingSubject()}


def subject_of(kind: Kind) -> Subject:
    return SUBJECTS[kind]
