"""The certificates of a period, on the wire."""

from pydantic import Field

from api.schemas.closures import CertificateOut
from api.schemas.common import Object, Out
from application.closures.proving import Proof


class CertificatesOut(Out):
    """`intact` while each certificate is what was issued."""

    intact: bool
    broken_at: int | None = Field(description="The number of the first that is not what was issued.")
    since: list[Object] | None = Field(
        description="With `books`: by module, what was posted since the last one; empty where they are as it says."
    )
    items: list[CertificateOut]

    @classmethod
    def of(cls, proof: Proof) -> "CertificatesOut":
        items = [CertificateOut(digest=each.digest, certificate=each.to_json()) for each in proof.certificates]
        return cls(intact=proof.broken_at is None, broken_at=proof.broken_at, since=proof.since, items=items)
