"""What shares a key with others says so, and only what nobody has begun may be superseded."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from domain.commands import (
    Command,
    CommandError,
    CommandRecord,
    CommandState,
    OnUnique,
    Options,
    WrongCommandState,
    fingerprint,
    shape_faults,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CRASH = CommandError("crash", "worker-vanished", "it vanished")


def asked(key: str | None = "rates", how: OnUnique = OnUnique.REJECT) -> Command:
    return Command("ledger.post-journal", "42", {}, options=Options(unique_key=key, on_unique=how))


def pending() -> CommandRecord:
    return CommandRecord(asked(), uuid4(), "", None, NOW, NOW)


@pytest.mark.req("CB-35")
class TestUniqueKeys:
    def test_change_the_fingerprint_only_where_there_is_one(self) -> None:
        assert {"unique_key", "on_unique"}.isdisjoint(asked(None).content)
        every = [asked(None), *(asked(how=how) for how in OnUnique), asked("other")]
        assert len({fingerprint(each) for each in every}) == len(every)

    @pytest.mark.parametrize(
        ("wrong", "path"),
        [
            (asked(""), "/unique_key"),
            (asked("a\nb"), "/unique_key"),
            (asked("a" * 201), "/unique_key"),
            (asked(None, OnUnique.REPLACE), "/on_unique"),
        ],
    )
    def test_are_written_as_ordering_keys_are(self, wrong: Command, path: str) -> None:
        assert [each.path for each in shape_faults(wrong)] == [path]

    def test_name_who_took_the_place(self) -> None:
        after = pending().superseded(("ledger", "43"), NOW)
        assert (after.state, after.ended_at) == (CommandState.CANCELED, NOW)
        assert after.error is not None
        assert after.error.details == {"by": "ledger/43"}

    def test_are_not_taken_from_what_was_begun(self) -> None:
        leased = pending().leased(UUID(int=1))
        assert not leased.returned().begun
        for begun in (leased, leased.started(), leased.started().crashed(CRASH), leased.crashed(CRASH)):
            with pytest.raises(WrongCommandState):
                begun.superseded(("ledger", "43"), NOW)
