"""Where a long command stands after one execution, in words that say what comes next and who has to act."""

from dataclasses import dataclass

from domain.commands import CommandRecord, CommandState, ParkedKind


def at_work(domain: str, command: str) -> str:
    return (
        f"It is with the workers of `{domain}`. `changegate commands watch {domain} {command}` says how far it has"
        " come, and `changegate commands cancel` ends it."
    )


@dataclass(frozen=True)
class CommandStand:
    """No payload, no result and nobody's words: only what is in its trail. `due_at` as ISO 8601, while it waits."""

    state: CommandState
    epoch: int
    attempt: int
    crashes: int = 0
    parked: ParkedKind | None = None
    code: str | None = None
    due_at: str | None = None

    @classmethod
    def of(cls, record: CommandRecord) -> "CommandStand":
        waits = record.state is CommandState.RETRY_WAIT
        return cls(
            record.state, record.epoch, record.attempt, record.crashes, record.parked,
            record.error.code if record.error else None, record.due_at.isoformat() if waits else None,
        )  # fmt: skip

    def words(self, name: str) -> str:
        """`name` is its domain and id."""
        why = f", with the code `{self.code}`" if self.code else ""
        match self.state:
            case CommandState.PARKED:
                kind = self.parked.value if self.parked else ""
                return (
                    f"Parked as {kind} in attempt {self.attempt}{why}: it goes on only by the word of a person."
                    f" Look at it with `changegate commands show {name.replace('/', ' ', 1)}`, and decide with"
                    " `changegate commands retry`, `cancel` or `complete`."
                )
            case CommandState.RETRY_WAIT:
                return f"Attempt {self.attempt} failed{why}. It is tried again from {self.due_at} on, in another run."
            case CommandState.PENDING:
                return f"Given back{why}; it is executed again, in another run. Workers lost over it: {self.crashes}."
            case CommandState.COMPLETED:
                return f"Completed in attempt {self.attempt}. Its result is in the database."
            case _:
                return f"It is over: {self.state.value}{why}."
