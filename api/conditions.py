"""A write names the version that it replaces, as a strong ETag (RFC 9110 section 8.8.3)."""

import re
from typing import Annotated

from fastapi import Depends, Header

from domain.errors import Fault, Invalid, PreconditionMissing

_TAG = re.compile(r'"([vr])(0|[1-9][0-9]{0,17})"')


def flag_tag(version: int) -> str:
    return f'"v{version}"'


def change_tag(revision: int) -> str:
    return f'"r{revision}"'


def _number(header: str, letter: str) -> int:
    found = _TAG.fullmatch(header.strip())
    if found is None or found[1] != letter:
        raise Invalid([Fault("/headers/If-Match", f'one strong tag as it was given in ETag, like "{letter}3"')])
    return int(found[2])


IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=40, description="The ETag that was read.")]


def _expected_version(if_match: IfMatch = None) -> int:
    if if_match is None:
        raise PreconditionMissing
    return _number(if_match, "v")


def _expected_revision(if_match: IfMatch = None) -> int | None:
    return None if if_match is None else _number(if_match, "r")


ExpectedVersion = Annotated[int, Depends(_expected_version)]
ExpectedRevision = Annotated[int | None, Depends(_expected_revision)]
