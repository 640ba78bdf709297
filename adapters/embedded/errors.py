"""What can stop the embedded servers, said in sentences that tell a person what to do."""

from typing import ClassVar

from domain.errors import Refusal


class EmbeddedRefusal(Refusal):
    """The embedded servers cannot run."""

    kind = "embedded-refusal"
    particulars: ClassVar[str] = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (super().__str__(), self.particulars.format_map(self.facts))))


class AlreadyRunning(EmbeddedRefusal):
    """Another Changegate already runs on this data folder."""

    kind = "already-running"
    particulars = "Process {pid} holds {lock}; stop it, or choose another data folder."


class PortTaken(EmbeddedRefusal):
    """A port that was asked for is taken by another program."""

    kind = "port-taken"
    particulars = "Port {port} (for {name}) answers already or is reserved; stop its owner, or ask for another port."


class ProgramMissing(EmbeddedRefusal):
    """A server's program is not installed."""

    kind = "program-missing"
    particulars = "{program} comes with {origin}."


class ServerDidNotStart(EmbeddedRefusal):
    """A server did not start."""

    kind = "server-did-not-start"
    particulars = "{name}: {reason}. The end of its log ({log}):\n{tail}"


class NeverStarted(EmbeddedRefusal):
    """Nothing runs on this data folder yet."""

    kind = "never-started"
    particulars = "{folder} holds no addresses; start Changegate with `make up` first."
