"""What tenants send outside and what comes back, as the routes use it."""

from dataclasses import dataclass
from typing import Self

from application.approvals import Approvals
from application.authentication import Authentication
from application.destinations import Destinations
from application.external.answers import Answers
from application.external.callbacks import Callbacks
from application.external.systems import ApprovalSystems
from application.links import VoteLinks
from application.ports.links import LinkSeals
from application.ports.outward import Signatures
from application.ports.processes import Processes
from application.ports.secrets import Sealer
from application.ports.store import Store


@dataclass(frozen=True)
class Proofs:
    """How strangers prove who they are, and what opens what is sealed.

    `secure`: pages are reached over TLS, so their cookie goes nowhere else.
    """

    sealer: Sealer
    signatures: Signatures
    links: LinkSeals
    secure: bool = False


@dataclass(frozen=True)
class OutsideCases:
    """Each is its own; `secure` is that of the proofs."""

    destinations: Destinations
    systems: ApprovalSystems
    callbacks: Callbacks
    links: VoteLinks
    secure: bool = False

    @classmethod
    def over(
        cls, store: Store, proofs: Proofs, authentication: Authentication, approvals: Approvals, processes: Processes
    ) -> Self:
        answers = Answers(store, approvals, processes)
        return cls(
            Destinations(store, proofs.sealer),
            ApprovalSystems(store, proofs.sealer),
            Callbacks(store, proofs.sealer, proofs.signatures, answers),
            VoteLinks(store, proofs.links, authentication, approvals),
            proofs.secure,
        )
