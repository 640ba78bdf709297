"""What a message says is one subject and a few lines, the same on every channel."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

import jinja2

from application.ports.notify import Message, Section, check

FACT_CHARACTERS: Final = 500

_TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("adapters.notify"),
    # A wording is plain text; whatever becomes HTML is escaped by the HTML layout.
    autoescape=jinja2.select_autoescape(enabled_extensions=("html.j2",), default=False),
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=True,
)


@dataclass(frozen=True)
class Wording:
    subject: str
    lines: tuple[str, ...]
    link: str
    sections: tuple[Section, ...] = ()

    def text(self) -> str:
        return _layout("layout.txt.j2", self)

    def html(self) -> str:
        return _layout("layout.html.j2", self)


def worded(message: Message) -> Wording:
    """DeliveryRefused when `message` is not one that can be worded (see `application.ports.notify.check`)."""
    check(message)
    facts = defaultdict(str, {name: one_line(value) for name, value in message.facts.items()})
    optional = {name: facts[name] for name in ("level", "actor", "reason", "deadline", "first")}
    rendered = _TEMPLATES.get_template(f"{message.template}.txt.j2").render({**facts, **optional})
    subject, *lines = (line.strip() for line in rendered.splitlines())
    sections = tuple(Section(one_line(each.title), tuple(map(one_line, each.lines))) for each in message.sections)
    return Wording(subject, tuple(line for line in lines if line), message.link, sections)


def one_line(text: str) -> str:
    """`text` without line breaks and control characters, and not longer than a person wants to read."""
    visible = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(visible.split())
    return line if len(line) <= FACT_CHARACTERS else line[: FACT_CHARACTERS - 1] + "…"


def _layout(name: str, wording: Wording) -> str:
    said = {"subject": wording.subject, "lines": wording.lines, "link": wording.link, "sections": wording.sections}
    return _TEMPLATES.get_template(name).render(**said)
