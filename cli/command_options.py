"""Options of commands that are more than one word are written as one."""

from typing import Any, Final

import typer

REPLY_HELP: Final = (
    "who is told when it is over: webhook=crm, command=sales.note-answer,answer- (a type and how ids begin) or"
    " workflow=reply/<tenant>/7,command_over (an id and a signal)"
)
_PARTS: Final = {
    "webhook": ("destination",),
    "command": ("type", "prefix"),
    "workflow": ("workflow", "signal"),
}


def reply_to_in(said: str | None) -> dict[str, Any] | None:
    """As the API takes it; the API says what is wrong with each part."""
    if said is None:
        return None
    kind, _, rest = said.partition("=")
    names, parts = _PARTS.get(kind, ()), rest.split(",")
    if not names or len(parts) != len(names):
        raise typer.BadParameter(REPLY_HELP, param_hint="--reply-to")
    return {"kind": kind, **dict(zip(names, parts, strict=True))}
