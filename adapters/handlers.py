"""Handlers that a setting names are imported as a process starts, or it says in a sentence why they cannot be."""

import inspect
from collections.abc import Iterator
from importlib import import_module

from application.commands.handling import Handlers, HandlerTwice
from application.sagas.declaring import ProcessBook, ProcessTwice
from domain.commands.answers import OWN


def named_handlers(names: str, *own: object) -> Handlers:
    """Of `module:attribute,...`: a handler, an object that has some, or a class of such objects. SystemExit.

    Beside the product's `own`, which nobody else is to handle.
    """
    try:
        sources = list(_sources(names))
        handlers = Handlers(*sources)
        if OWN in handlers.domains:
            raise SystemExit(f"CHANGEGATE_HANDLERS: nothing but the product handles commands of {OWN}.")
        every = Handlers(*sources, *own) if own else handlers
    except HandlerTwice as refusal:
        facts = " ".join(map(str, refusal.facts.values()))
        raise SystemExit(f"CHANGEGATE_HANDLERS: {refusal} ({facts})") from None
    if names.strip() and not (handlers.domains or named_processes(names).domains):
        raise SystemExit("CHANGEGATE_HANDLERS: nothing that it names handles a command.")
    return every


def named_processes(names: str) -> ProcessBook:
    """Of the same names: processes, and objects or classes of objects that have some. SystemExit."""
    try:
        return ProcessBook(*(_made(each) for each in _named(names)))
    except ProcessTwice as refusal:
        facts = " ".join(map(str, refusal.facts.values()))
        raise SystemExit(f"CHANGEGATE_HANDLERS: {refusal} ({facts})") from None


def _made(found: object) -> object:
    """An object is made only of a class that has processes."""
    return found() if inspect.isclass(found) and ProcessBook(found).domains else found


def _sources(names: str) -> Iterator[object]:
    for found in _named(names):
        yield found() if inspect.isclass(found) else found


def _named(names: str) -> Iterator[object]:
    for name in filter(None, (each.strip() for each in names.split(","))):
        module, _, attribute = name.partition(":")
        try:
            yield getattr(import_module(module), attribute)
        except (ImportError, AttributeError, ValueError) as error:
            raise SystemExit(f"CHANGEGATE_HANDLERS: {name} cannot be imported: {error}.") from None
