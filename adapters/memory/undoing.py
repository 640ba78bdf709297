"""What was written since rows were copied is undone, for whoever holds a part of them as well."""

from dataclasses import fields

from adapters.memory.rows import Rows


def put_back(rows: Rows, before: Rows) -> None:
    for name in (each.name for each in fields(rows)):
        now, then = getattr(rows, name), getattr(before, name)
        if isinstance(now, dict | set):
            now.clear()
            now.update(then)
        elif isinstance(now, list):
            now[:] = then
        else:
            setattr(rows, name, then)
