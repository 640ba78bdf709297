"""Handlers that a setting names are imported as a process starts, or it says in a sentence why they cannot be."""

import inspect
from collections.abc import Iterator
from importlib import import_module

from application.commands.handling import Handlers, HandlerTwice


def named_handlers(names: str) -> Handlers:
    """Of `module:attribute,...`: a handler, an object that has some, or a class of such objects. SystemExit."""
    try:
        handlers = Handlers(*_sources(names))
    except HandlerTwice as refusal:
        facts = " ".join(map(str, refusal.facts.values()))
        raise SystemExit(f"CHANGEGATE_HANDLERS: {refusal} ({facts})") from None
    if names.strip() and not handlers.domains:
        raise SystemExit("CHANGEGATE_HANDLERS: nothing that it names handles a command.")
    return handlers


def _sources(names: str) -> Iterator[object]:
    for name in filter(None, (each.strip() for each in names.split(","))):
        module, _, attribute = name.partition(":")
        try:
            found = getattr(import_module(module), attribute)
        except (ImportError, AttributeError, ValueError) as error:
            raise SystemExit(f"CHANGEGATE_HANDLERS: {name} cannot be imported: {error}.") from None
        yield found() if inspect.isclass(found) else found
