"""People write whom a flag is for; what clients get is made of it, in flagd's form."""

from domain.flags.authoring.document import AUTHORING, compiled, plain, switched_on
from domain.flags.authoring.places import Place
from domain.flags.authoring.segments import SEGMENT, is_segment, plain_rule, segment_rule

__all__ = [
    "AUTHORING",
    "SEGMENT",
    "Place",
    "compiled",
    "is_segment",
    "plain",
    "plain_rule",
    "segment_rule",
    "switched_on",
]
