"""What a plan would do, what was done and what has drifted is printed line by line, as a difference."""

import sys
from collections.abc import Iterator

import orjson
from rich.console import Console

from domain.canonical import Json

_MARKS = {"added": ("+", "green"), "changed": ("~", "yellow"), "removed": ("-", "red"), "kept": ("=", "dim")}
_SIDES = {"server": "changed on the server", "file": "changed in the file", "conflict": "changed on both sides"}
_LONGEST = 120


def print_plan(told: Json, page: Console, *, as_json: bool) -> None:
    if as_json:
        return print_json(told)
    if told["outcome"] == "no_changes":
        return page.print("no changes")
    for mark, color, text in _steps(told):
        page.print(f"{mark} {text}", style=color, markup=False, soft_wrap=True)
    for each in told["affected"]:
        page.print(f"! {_place(each)} {each['how']} by {each['by'] or 'the tenant'}", style="magenta", markup=False)
    page.print(_counts(told) + (", and policy asks for approval" if told["needs_approval"] else ""))
    return None


def print_import(told: Json, page: Console, *, as_json: bool) -> None:
    if as_json:
        return print_json(told)
    match told["outcome"]:
        case "no_changes":
            page.print("no changes")
        case "submitted":
            change = told.get("change") or told["submitted"]["change"]["id"]
            page.print(f"submitted as change {change}, which waits for approval", soft_wrap=True)
        case "applied" if "told" not in told:
            page.print("applied: " + _counts(told))
        case outcome:
            page.print(f"{outcome}, as import {told['id']}", soft_wrap=True)
            _print_refusal(told, page)
    return None


def print_drift(told: Json, page: Console, *, as_json: bool) -> None:
    if as_json:
        return print_json(told)
    if told["base"] is None:
        page.print("never synced: the file is compared with what is stored", style="dim")
    if not told["items"]:
        return page.print("no drift")
    for side, words in _SIDES.items():
        items = [each for each in told["items"] if each["side"] == side]
        if items:
            page.print(f"[bold]{words}[/]")
        for each in items:
            mark, color = _MARKS[each["move"]]
            page.print(f"  {mark} {_drifted(each)}", style=color, markup=False, soft_wrap=True)
    return None


def _steps(told: Json) -> Iterator[tuple[str, str, str]]:
    if "values" not in told:  # an import by a workflow keeps names only
        told = told["told"] or {}
    for each in told.get("definitions", []):
        yield (*_MARKS[each["op"]], f"definition {each['key']}")
    for each in told.get("flags", []):
        yield (*_MARKS[each["op"]], f"flag {each['key']}{_change(each, 'flag')}")
    for each in told.get("bookkeeping", []):
        yield (*_MARKS[each["op"]], f"{each['kind']} {each['name']}")
    for each in told.get("values", []):
        yield (*_MARKS[each["op"]], f"{_place(each)}{_change(each, 'value')}")


def _change(step: Json, kind: str) -> str:
    before, after = (_said(step.get(name), kind) for name in ("before", "after"))
    if step["op"] in {"changed", "kept"} and before and after:
        return f": {before} -> {after}"
    said = after if step["op"] == "added" else before
    return f" = {said}" if said else ""


def _said(content: Json, kind: str) -> str:
    if not content:
        return ""
    if kind == "value" and len(content) == 1 and content[0].keys() <= {"key", "scope", "state", "enforced", "value"}:
        [line] = content
        return _short(line["value"]) + (" enforced" if line["enforced"] else "") if "value" in line else "unset"
    return _short(content)


def _drifted(item: Json) -> str:
    name = _place(item) if item["kind"] == "value" else f"{item['kind']} {item['key']}"
    said = [f"{side} {_said(item[side], item['kind']) or 'nothing'}" for side in ("base", "desired", "stored")]
    return f"{name}: {', '.join(said)}"


def _place(step: Json) -> str:
    return f"{step['key']} @ {step['scope']}" if step["scope"] else step["key"]


def _short(value: Json) -> str:
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _counts(told: Json) -> str:
    steps = [mark for mark, _, _ in _steps(told)]
    words = [f"{steps.count(mark)} {op}" for op, (mark, _) in _MARKS.items() if mark in steps]
    return ", ".join(words) or "nothing to write"


def _print_refusal(told: Json, page: Console) -> None:
    refusal = (told["told"] or {}).get("refusal")
    if refusal:
        page.print(f"{refusal['kind']}: {refusal.get('title', '')}", style="red", markup=False, soft_wrap=True)
        for fault in refusal.get("faults", []):
            page.print(f"  {fault['path'] or '/'}: {fault['message']}", style="red", markup=False, soft_wrap=True)


def print_json(told: Json) -> None:
    sys.stdout.write(orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode() + "\n")
