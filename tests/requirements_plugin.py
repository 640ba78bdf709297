"""`--requirements` prints which test proves which requirement, and which requirement nothing proves.

Load it with `-p tests.requirements_plugin`, as `make requirements` does.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

_LIST = Path(__file__).parent.parent / "docs" / "requirements.md"
_ROW = re.compile(r"^\| ([A-Z]+(?:-[A-Z]+)*-?\d+) \| (.+?) \|", re.MULTILINE)


def known(text: str | None = None) -> dict[str, str]:
    """Every id of docs/requirements.md with its sentence, in the order of the document."""
    return dict(_ROW.findall(_LIST.read_text(encoding="utf-8") if text is None else text))


def proofs(items: Iterable[pytest.Item]) -> dict[str, list[str]]:
    """Requirement id to the tests that carry it; a parametrised test counts once."""
    found: dict[str, set[str]] = defaultdict(set)
    for item in items:
        for mark in item.iter_markers("req"):
            for requirement in mark.args:
                found[requirement].add(item.nodeid.partition("[")[0])
    return {requirement: sorted(tests) for requirement, tests in found.items()}


def table(wanted: Mapping[str, str], proven: Mapping[str, list[str]]) -> list[str]:
    lines = []
    for requirement, sentence in wanted.items():
        lines += [f"{requirement:<11} {sentence}", *(f"{'':<11}   {test}" for test in proven.get(requirement, ()))]
    unproven = [requirement for requirement in wanted if requirement not in proven]
    unknown = sorted(set(proven) - set(wanted))
    lines += ["", f"{len(wanted)} requirements, {len(wanted) - len(unproven)} proven by a test that names them."]
    lines += [f"Proven by nothing: {', '.join(unproven)}"] if unproven else []
    lines += [f"Named by tests and not in docs/requirements.md: {', '.join(unknown)}"] if unknown else []
    return lines


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--requirements", action="store_true", help="print the requirements with the tests that prove each"
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--requirements"):
        config.stash[_TABLE] = table(known(), proofs(items))
        items.clear()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """No test is listed, which is no failure here."""
    if session.config.getoption("--requirements") and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(_TABLE, []):
        terminalreporter.write_line(line)


_TABLE = pytest.StashKey[list[str]]()
