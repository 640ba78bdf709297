"""Who is told how a command ended, and how that is written."""

import pytest

from domain.commands import Command, Options, ReplyKind, ReplyTo, fingerprint, shape_faults

TENANT = "0d3ab3b8-8a3a-4a4e-9a6f-3f3f6a6f0b11"
GOOD = [
    ReplyTo.by_command("sales.note-answer", "answer-"),
    ReplyTo.by_webhook("crm"),
    ReplyTo.by_signal(f"reply/{TENANT}/7", "over"),
]


def asked(wanted: ReplyTo | None) -> Command:
    return Command("ledger.post-journal", "42", {}, options=Options(reply_to=wanted))


@pytest.mark.parametrize("wanted", GOOD)
def test_are_read_as_they_are_written(wanted: ReplyTo) -> None:
    assert ReplyTo.of_json(wanted.to_json()) == wanted
    assert None not in wanted.to_json().values()
    assert shape_faults(asked(wanted)) == []


def test_change_the_fingerprint_only_where_somebody_is_told() -> None:
    assert "reply_to" not in asked(None).content
    assert len({fingerprint(asked(each)) for each in (None, *GOOD)}) == len(GOOD) + 1


@pytest.mark.parametrize(
    ("wrong", "paths"),
    [
        (ReplyTo.by_command("sales", "a"), {"type"}),
        (ReplyTo.by_command("sales.note", ""), {"prefix"}),
        (ReplyTo.by_command("sales.note", "a" * 65), {"prefix"}),
        (ReplyTo.by_command("sales.note", "a", 0), {"schema_version"}),
        (ReplyTo(ReplyKind.COMMAND), {"type", "schema_version", "prefix"}),
        (ReplyTo.by_webhook("https://x.test/"), {"destination"}),
        (ReplyTo.by_signal("deployment/7", "over"), {"workflow"}),
        (ReplyTo.by_signal(f"reply/{TENANT}/7", "__stack_trace"), {"signal"}),
        (ReplyTo(ReplyKind.WEBHOOK, destination="crm", signal="over"), {"signal"}),
    ],
)
def test_say_what_is_wrong_with_them(wrong: ReplyTo, paths: set[str]) -> None:
    assert {each.path for each in shape_faults(asked(wrong))} == {f"/reply_to/{path}" for path in paths}
