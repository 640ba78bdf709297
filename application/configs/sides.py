"""Three versions of one thing side by side: what was seen, what stands now, and what is wanted."""

from application.settings.versions import entries_compared, told
from domain.canonical import Json, canonical_bytes
from domain.pointers import escaped
from domain.settings import Entry, Sealed

_NOTHING: Json = object()


def three_way(base: Entry | None, theirs: Entry | None, ours: Entry | None) -> list[Json]:
    """A line for each path at which the three differ; `conflict` where both sides went ways of their own.

    A side that says nothing there is left out. Of a secret only the path is told.
    """
    seen, stands, wanted = told(base), told(theirs), told(ours)
    paths = {line["path"] for line in entries_compared(base, theirs) + entries_compared(base, ours)}
    sealed = any(each is not None and Sealed.of(each.value) is not None for each in (base, theirs, ours))
    lines = []
    for path in sorted(path for path in paths if not _within(path, paths)):
        sides = {"base": _at(seen, path), "theirs": _at(stands, path), "ours": _at(wanted, path)}
        said = {name: value for name, value in sides.items() if value is not _NOTHING}
        hidden = sealed and path == "/value"
        conflict = len({_bytes(value) for value in sides.values()}) == len(sides)
        lines.append({"path": path, "conflict": conflict, **({} if hidden else said)})
    return lines


def _bytes(side: Json) -> bytes:
    """Because to Python true is 1."""
    return b"" if side is _NOTHING else canonical_bytes(side)


def _within(path: str, paths: set[str]) -> bool:
    """Whether something broader is told already."""
    return any(path.startswith(f"{other}/") for other in paths)


def _at(said: Json, path: str) -> Json:
    for name in path.split("/")[1:]:
        found = [inner for key, inner in said.items() if escaped(key) == name] if isinstance(said, dict) else []
        if not found:
            return _NOTHING
        said = found[0]
    return said
