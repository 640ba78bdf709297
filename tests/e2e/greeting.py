"""A module of somebody else: it greets."""

from pydantic import BaseModel

from application.commands.handling import Order, handles
from domain.canonical import Json
from domain.commands.outcomes import HandlerKind


class Greeting(BaseModel):
    name: str


@handles("greeting.greet", Greeting, HandlerKind.EXTERNAL)
async def greet(order: Order, greeting: Greeting) -> Json:
    del order
    return {"said": f"Hello {greeting.name}"}
