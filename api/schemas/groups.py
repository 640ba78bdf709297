"""Groups of people on the wire."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.common import Handle, In, Out, Reason
from application.groups import MOST_MEMBERS, GroupView


class GroupIn(In):
    """All of its members by their handles."""

    members: Annotated[list[Handle], Field(max_length=MOST_MEMBERS)]
    reason: Reason


class MemberOut(Out):
    id: UUID
    handle: str | None


class GroupOut(Out):
    name: str
    members: list[MemberOut]
    version: int

    @classmethod
    def of(cls, view: GroupView) -> "GroupOut":
        group = view.group
        members = [MemberOut(id=each, handle=view.handles.get(each)) for each in group.members]
        return cls(name=group.name, members=members, version=group.version)


class GroupsOut(Out):
    items: list[GroupOut]

    @classmethod
    def of(cls, views: list[GroupView]) -> "GroupsOut":
        return cls(items=[GroupOut.of(view) for view in views])
