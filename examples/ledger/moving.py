"""Cash goes from the books of one entity to those of another: both entries are posted, or the first is reversed."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from pydantic import BaseModel, Field

from application.sagas.declaring import Instruction, Planned, Results, process
from domain.canonical import Json

WITHIN = timedelta(days=3)
"""So long the other books may keep the cash waiting: then it goes back to where it came from."""


class MoveCash(BaseModel):
    """Each entity has the other's share in its clearing account, until both are matched."""

    source: str
    target: str
    on: date
    amount: Decimal = Field(gt=0)
    currency: str = "EUR"
    bank: str = "1510"
    clearing: str = "1590"

    def entry(self, entity: str, debit: str, credit: str) -> Instruction:
        amount = str(self.amount)
        lines: list[Json] = [
            {"account": debit, "currency": self.currency, "debit": amount},
            {"account": credit, "currency": self.currency, "credit": amount},
        ]
        said = f"Cash from {self.source} to {self.target}"
        payload = {"entity": entity, "module": "GL", "on": self.on.isoformat(), "description": said, "lines": lines}
        return Instruction("ledger.post-journal", payload)

    def reversal(self, entity: str, posted: Json) -> Instruction:
        reason = f"Cash from {self.source} did not arrive at {self.target}"
        payload = {"entity": entity, "module": "GL", "entry": posted["entry"], "reason": reason}
        return Instruction("ledger.reverse-journal", payload)


@process("ledger.move-cash", MoveCash)
def move_cash(wished: MoveCash) -> Sequence[Planned]:
    """What a period or an account does not take waits for a person; once nobody wants it any more, it is reversed."""

    def taken_back(done: Results) -> Instruction:
        return wished.reversal(wished.source, done["take-out"])

    def given_back(done: Results) -> Instruction:
        return wished.reversal(wished.target, done["bring-in"])

    return (
        Planned("take-out", lambda _: wished.entry(wished.source, wished.clearing, wished.bank), undo=taken_back),
        Planned(
            "bring-in", lambda _: wished.entry(wished.target, wished.bank, wished.clearing), undo=given_back,
            within=WITHIN,
        ),
    )  # fmt: skip
