"""Templates of tenants on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.schemas.common import In, Object, Out, Reason
from application.ports.tenants import StoredTemplate
from domain.canonical import Json


class TemplateIn(In):
    """`bundles` are exports of `/settings-bundles`, one an environment at most; `policies` by environment and kind."""

    bundles: Annotated[list[Object], Field(max_length=4)] = Field(default_factory=list)
    policies: dict[str, dict[str, Object]] = Field(
        default_factory=dict, examples=[{"production": {"setting": {"levels": [{"roles": ["Approver"]}]}}}]
    )
    reason: Reason

    def content(self) -> Json:
        return {"bundles": self.bundles, "policies": self.policies}


class TemplateSummary(Out):
    name: str
    version: int
    written_by: UUID | None
    written_at: datetime
    reason: str

    @classmethod
    def summed(cls, template: StoredTemplate) -> "TemplateSummary":
        return cls(**_told(template))


class TemplateOut(TemplateSummary):
    bundles: list[Object]
    policies: dict[str, dict[str, Object]]

    @classmethod
    def of(cls, template: StoredTemplate) -> "TemplateOut":
        return cls(**_told(template), **template.content)


class TemplatePage(Out):
    items: list[TemplateSummary]
    next_cursor: str | None

    @classmethod
    def of(cls, page: tuple[list[StoredTemplate], str | None]) -> "TemplatePage":
        return cls(items=[TemplateSummary.summed(each) for each in page[0]], next_cursor=page[1])


def _told(template: StoredTemplate) -> dict[str, Json]:
    return {
        "name": template.name,
        "version": template.version,
        "written_by": template.written_by,
        "written_at": template.written_at,
        "reason": template.reason,
    }
