"""A port is answered twice, by an adapter and by its twin in memory, and one contract holds both."""

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pytest

import adapters.memory
import application.ports
from application.ports.store import Transaction
from tests.architecture.repository import imports, parsed, sources

NO_TWIN = {
    "ActVerifier": "half of Assertions, whose twin answers both",
    "TokenClaims": "a value that Tokens returns",
    "Signatures": "proven against somebody else's code, which signs and checks; a twin would prove neither",
    "Tokens": "real tokens of the embedded issuer are as easy to make as false ones, and prove more",
    "Egress": "proven against real loopback servers; a twin would prove nothing about addresses",
    "Installation": "starts real servers; there is nothing to pretend",
    "News": "word between processes; what follows it is proven with PostgreSQL's own",
    "CommandNews": "word between processes; what follows it is proven with PostgreSQL's own",
    "PeriodNews": "word between processes; what follows it is proven with PostgreSQL's own",
    "Postman": "proven against a real loopback receiver, whose signature check is not ours",
    "PublicHolidays": "a list inside the process; a twin would be a shorter one",
    "Running": "what Installation started",
}
TWINS = {
    "CommandCounts": "MemoryStore",
    "CommandLanes": "MemoryStore",
    "SagaLanes": "MemoryStore",
    "DueOpenings": "MemoryStore",
    "Errands": "MemoryStore",
    "MetricSource": "ScriptedSource",
    "MovedBooksStore": "MemoryStore",
    "OldCommands": "MemoryStore",
    "OldSamples": "MemoryStore",
    "OpenPeriods": "MemoryStore",
    "OpenRepairs": "MemoryStore",
    "OpenRollouts": "MemoryStore",
    "OverdueReviews": "MemoryStore",
    "SnapshotCache": "MemorySnapshots",
}
CONTRACTS = {  # the port's part of which contract, where the contract's module does not name the port's twin
    "Chunks": "asks for a running Temporal: tests/workflow holds the adapter, tests/integration/commands its twin",
    "CommandRuns": "asks for a running Temporal: tests/workflow holds the adapter, tests/integration/commands its twin",
    "LongCommands": "part of Commands: tests/contract/test_store_long_commands.py asks both stores for it",
    "Batches": "part of Commands: tests/contract/test_batches.py asks both stores for it",
    "CommandBulks": "part of Commands: tests/contract/test_store_bulks.py asks both stores for it",
    "CommandBreakers": "part of Commands: tests/contract/test_store_command_limits.py asks both stores for it",
    "CommandLimits": "part of Commands: tests/contract/test_store_command_limits.py asks both stores for it",
    "CommandRepairs": "part of Commands: tests/contract/test_store_command_repairs.py asks both stores for it",
    "ParkedCommands": "part of Commands: tests/contract/test_store_parked_commands.py asks both stores for it",
    "PurgedCommands": "part of Commands: tests/contract/test_store_purged_commands.py asks both stores for it",
    "UniqueKeys": "part of Commands: tests/contract/test_sending_unique.py asks both stores for it",
    "Processes": "asks for a running Temporal: tests/workflow holds the adapter, tests/unit/application its twin",
    "SagaRuns": "asks for a running Temporal: tests/workflow holds the adapter, tests/unit/sagas its twin",
}

_ASSIGNED = re.compile(r"^ *(self\.[^=\n]*)=", re.MULTILINE)


def members(package: Any) -> Iterator[tuple[str, type]]:
    for found in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{found.name}")
        yield from ((n, c) for n, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == module.__name__)


PORTS = {name: port for name, port in members(application.ports) if getattr(port, "_is_protocol", False)}
TWIN_CLASSES = dict(members(adapters.memory))
REPOSITORIES = {
    each.fget.__annotations__["return"].__name__ for each in vars(Transaction).values() if isinstance(each, property)
}
"""What a transaction holds, each of which the contracts of stores ask."""


def twin_of(port: str) -> str:
    return TWINS.get(port, f"Memory{port}")


class TestPorts:
    @pytest.mark.parametrize("port", sorted(PORTS.keys() - NO_TWIN.keys()))
    def test_a_twin_in_memory_has_every_method(self, port: str) -> None:
        asked = {n for n, kind in vars(PORTS[port]).items() if callable(kind) or isinstance(kind, property)}
        asked = {each for each in asked if not each.startswith("_")}
        twin = TWIN_CLASSES[twin_of(port)]
        fields = {
            name for line in _ASSIGNED.findall(inspect.getsource(twin)) for name in re.findall(r"self\.(\w+)", line)
        }
        assert asked - set(dir(twin)) - fields == set()

    @pytest.mark.parametrize("port", sorted(PORTS.keys() - NO_TWIN.keys() - CONTRACTS.keys()))
    def test_a_contract_holds_adapter_and_twin(self, port: str) -> None:
        module = PORTS[port].__module__
        held = {name for path in sources("tests") if "contract" in path.parts for name in imports(path)}
        known = {f"{TWIN_CLASSES[twin_of(port)].__module__}.{twin_of(port)}"}
        stored = (
            module == "application.ports.store" or port in REPOSITORIES
        ) and "adapters.memory.store.MemoryStore" in held
        assert known & held or stored

    def test_no_exception_outlives_its_reason(self) -> None:
        assert (NO_TWIN.keys() | TWINS.keys() | CONTRACTS.keys()) - PORTS.keys() == set()

    @pytest.mark.parametrize("port", sorted(PORTS))
    def test_a_port_says_what_it_is(self, port: str) -> None:
        path = PORTS[port].__module__.replace(".", "/") + ".py"
        tree = parsed(next(p for p in sources("application") if p.as_posix().endswith(path)))
        node = next(n for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and n.name == port)
        assert ast.get_docstring(node)
