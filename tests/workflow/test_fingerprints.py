"""The commands of a workflow, in the order of its source, change only together with the file that records them."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

ROOM = Path(__file__).parents[2] / "workflows"
RECORD = Path(__file__).with_name("fingerprints.json")
COMMANDS = {
    "execute_activity_method", "execute_activity", "start_activity_method", "start_activity", "execute_local_activity",
    "execute_local_activity_method", "start_child_workflow",
    "execute_child_workflow", "wait_condition", "sleep", "continue_as_new", "patched",
    "deprecate_patch", "upsert_search_attributes", "upsert_memo", "set_current_details", "gather", "create_task",
    "shield", "uuid4", "cancel", "signal", "all_handlers_finished",
}  # fmt: skip
ADVICE = (
    "The commands of {name} have changed. A rollout that is running now will be replayed with the new code: put the"
    " change behind workflow.patched(...) so that recorded histories still replay, or let it wait for a new version,"
    " then record histories with tests/workflow/record.py and write {file} with"
    " `python -m tests.workflow.test_fingerprints`."
)
Bodies = dict[str, tuple[list[str], list[ast.AST]]]


def classes_and_functions() -> Bodies:
    """The bases and the members of every class of the room, and the functions outside classes as <module>."""
    found: Bodies = {}
    for path in sorted(ROOM.glob("*.py")):
        tree = ast.parse(path.read_text())
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                found[node.name] = ([ast.unparse(base) for base in node.bases], list(node.body))
        loose: list[ast.AST] = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        if loose:
            found[f"<{path.stem}>"] = ([], loose)
    return found


def commands(member: ast.AST) -> Iterator[str]:
    """Each call of a command, or of a step of its own, with what it names, in the order of the source."""
    if not isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    nodes = [node for statement in member.body for node in ast.walk(statement)]
    local = {
        ast.unparse(node.targets[0]): ast.unparse(node.value)
        for node in nodes
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute)
    }
    awaited = {id(node.value) for node in nodes if isinstance(node, ast.Await)}
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
        name = ast.unparse(call.func).rsplit(".", 1)[-1]
        own_step = id(call) in awaited and ast.unparse(call.func).startswith("self.")
        if name in COMMANDS or own_step:
            effect = ast.unparse(call.args[0]) if call.args and not isinstance(call.args[0], ast.Lambda) else ""
            waits = "timeout " if any(keyword.arg == "timeout" for keyword in call.keywords) else ""
            yield f"{member.name}: {waits}{name} {local.get(effect, effect)}".rstrip()


def fingerprint(name: str, room: Bodies) -> list[str]:
    """The commands of a class, those of its bases first."""
    bases, members = room[name]
    inherited = [line for base in bases if base in room for line in fingerprint(base, room)]
    return [*inherited, *(line for member in members for line in commands(member))]


def fingerprints() -> dict[str, list[str]]:
    room = classes_and_functions()
    lines = {name: fingerprint(name, room) for name in room}
    return {name: line for name, line in sorted(lines.items()) if line}


class TestFingerprints:
    def test_commands_are_those_that_were_recorded(self) -> None:
        recorded = json.loads(RECORD.read_text())
        for name, lines in fingerprints().items():
            assert lines == recorded.get(name), ADVICE.format(name=name, file=RECORD.name)
        assert set(recorded) == set(fingerprints())

    def test_both_workflows_are_among_them(self) -> None:
        found = fingerprints()
        assert "_expire: execute_activity_method ApprovalActivities.expire" in found["ApprovalWorkflow"]
        assert "act: execute_activity_method RolloutActivities.control" in found["FeatureRolloutWorkflow"]

    def test_another_order_is_another_fingerprint(self) -> None:
        one = ast.parse("async def run():\n  await sleep(a)\n  await execute_activity(b)").body[0]
        two = ast.parse("async def run():\n  await execute_activity(b)\n  await sleep(a)").body[0]
        assert list(commands(one)) != list(commands(two))


if __name__ == "__main__":
    RECORD.write_text(json.dumps(fingerprints(), indent=2) + "\n")
