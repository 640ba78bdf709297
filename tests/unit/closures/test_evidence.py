from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from domain.closures import (
    MOST_BYTES,
    Evidence,
    EvidenceAltered,
    EvidenceRetained,
    carried,
    check_attachment,
    sha256_of,
)
from domain.errors import Invalid
from tests.unit.closures.tasks import ADA, BOB, NOON, RUN, SEEN, reconciled, task

STATEMENT = b"balance of 31 March: 100.00 EUR"
KEPT_UNTIL = NOON + timedelta(days=3653)
EVIDENCE = Evidence(
    uuid4(),
    RUN,
    "bank",
    "statement.pdf",
    "application/pdf",
    len(STATEMENT),
    sha256_of(STATEMENT),
    ADA,
    NOON,
    KEPT_UNTIL,
)


@pytest.mark.req("FP60")
class TestEvidence:
    def test_is_known_by_its_digest(self) -> None:
        EVIDENCE.verify(STATEMENT)
        for altered in (STATEMENT.replace(b"100", b"110"), STATEMENT + b" ", b""):
            with pytest.raises(EvidenceAltered):
                EVIDENCE.verify(altered)

    def test_is_kept_until_its_time_is_over(self) -> None:
        with pytest.raises(EvidenceRetained):
            EVIDENCE.check_removal(KEPT_UNTIL - timedelta(microseconds=1))
        EVIDENCE.check_removal(KEPT_UNTIL)


class TestAttachment:
    def test_has_a_name_a_type_and_bytes(self) -> None:
        check_attachment("statement.pdf", "application/pdf", STATEMENT)

    @pytest.mark.parametrize(
        ("given", "path"),
        [
            ({"name": "../statement.pdf"}, "/name"),
            ({"name": " "}, "/name"),
            ({"name": "a\nb"}, "/name"),
            ({"media_type": "pdf"}, "/media_type"),
            ({"media_type": "text/html\r\nx: y"}, "/media_type"),
            ({"content": b""}, "/content"),
            ({"content": bytes(MOST_BYTES + 1)}, "/content"),
        ],
        ids=["way up", "blank", "two lines", "no type", "a header", "empty", "too large"],
    )
    def test_is_refused_where_one_is_not_fit(self, given: dict[str, Any], path: str) -> None:
        whole: dict[str, Any] = {"name": "statement.pdf", "media_type": "application/pdf", "content": STATEMENT}
        with pytest.raises(Invalid) as refused:
            check_attachment(**{**whole, **given})
        assert [fault.path for fault in refused.value.faults] == [path]


@pytest.mark.req("FP53")
class TestCarried:
    def test_a_new_attempt_has_evidence_of_what_did_not_move(self) -> None:
        statement = uuid4()
        before = task().attached(statement, ADA).complete(ADA, NOON, SEEN).approve(BOB, NOON, SEEN)
        assert carried(before, task(), "sha256:one").evidence == (statement,)
        assert carried(before, task(), "sha256:two").evidence == ()

    def test_only_the_same_task_has_it(self) -> None:
        before = task().attached(uuid4(), ADA).complete(ADA, NOON, SEEN)
        assert carried(before, task("report"), "sha256:one").evidence == ()
        assert carried(task(), task(), "sha256:one").evidence == ()

    def test_it_is_signed_for_anew(self) -> None:
        assert carried(reconciled(), task(), "sha256:one").signoffs == ()
