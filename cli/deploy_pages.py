"""A deployment is shown as it stands: at a terminal as one picture that changes, elsewhere as a line for each step."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rich.console import Console, Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cli.deploy_events import Word

_COLOURS = {"SUCCEEDED": "green", "ROLLING_BACK": "yellow", "PAUSED": "yellow", "RUNNING": "cyan", "BAKING": "cyan"}
_TO_START = {"AWAITING_APPROVAL", "SCHEDULED", "BLOCKED", "QUEUED"}
_GUARDRAILS = ("error_rate", "latency", "tail_latency")


@dataclass
class Picture:
    """What was told so far."""

    deployment: dict[str, Any]
    step: dict[str, Any] = field(default_factory=dict)
    check: dict[str, Any] = field(default_factory=dict)
    convergence: dict[str, Any] = field(default_factory=dict)
    away: str = ""

    def take(self, word: Word) -> None:
        self.away = str(word.content["why"]) if word.event == "away" else ""
        if word.event == "transition":
            self.step = word.content
        elif word.event == "check":
            self.check = word.content
        elif word.event == "convergence":
            self.convergence = word.content

    def __rich__(self) -> Group:
        step = self.step
        state = step.get("to_state", self.deployment["state"])
        head = Table.grid(padding=(0, 2))
        head.add_row(
            Text(f"{self.deployment['key']} in {self.deployment['environment']}", style="bold"),
            Text(state, style=_COLOURS.get(state, "red" if self.deployment["ended"] else "white")),
            Text(stage_of(self.deployment, step)),
            ProgressBar(total=100, completed=step.get("percent", 0), width=30),
            Text(f"{step.get('percent', 0):g} %"),
        )
        return Group(head, *(Text(line, style="dim") for line in self._notes()))

    def _notes(self) -> Iterator[str]:
        if hold := held(self.step):
            yield hold
        if self.convergence:
            yield converged(self.convergence)
        yield from metrics(self.check)
        if self.check:
            yield str(self.check["sentence"])
        if self.away:
            yield f"the API does not answer: {self.away}; trying again"


def stage_of(deployment: dict[str, Any], step: dict[str, Any]) -> str:
    if step.get("stage") is None:
        return ""
    return f"stage {step['stage'] + 1} of {max(len(deployment['plan']['stages']), step['stage'] + 1)}"


def held(step: dict[str, Any]) -> str:
    """Why it is held and until when, or until when it waits, or nothing."""
    if step.get("until"):
        return f"starts at {_clock(step['until'])} at the earliest"
    if not step.get("hold"):
        return ""
    until = f" until {_clock(step['deadline'])} at the longest" if step.get("deadline") else ""
    return f"held: {_words(step['hold'])}{until}"


def converged(told: dict[str, Any]) -> str:
    wanted = f", {told['wanted']:.0%} are wanted" if told["wanted"] else ""
    return f"{told['holding']} of {told['live']} live instances hold it ({told['share']:.0%}{wanted})"


def metrics(check: dict[str, Any]) -> Iterator[str]:
    """Each gate with its evidence of harm against the limit at which it takes the change back, or holds it."""
    record = check.get("record") or {}
    for metric in record.get("metrics") or []:
        harm = metric.get("log_harm")
        words = f"{metric['name']}: {_words(metric['verdict'])}"
        if harm is not None and metric["name"] != "synthetic":  # a probe is up or down
            words += f", evidence of harm {_odds(harm)} against a limit of {_limit(record['spec'], metric['name']):.0f}"
        yield words


def _limit(spec: dict[str, Any], name: str) -> float:
    """Guardrails share one alpha by their weights; a signal has one of its own, and shares have their threshold."""
    if name == "sample_ratio":
        return float(spec["sample_ratio"]["threshold"])
    weights = {each: spec[each]["weight"] for each in _GUARDRAILS if spec.get(each)}
    share = weights[name] / sum(weights.values()) if name in weights else 1.0
    return float(1 / (spec["alpha_total"] * share))


def line_of(word: Word) -> str:
    """One line for who has no terminal; nothing for what a person only sees in passing."""
    told = word.content
    if word.event == "transition":
        stage = f" stage {told['stage'] + 1}" if told["stage"] is not None else ""
        hold = f"  {held(told)}" if held(told) else ""
        return f"{told['at']}  {told['to_state']}{stage}  {told['percent']:g} %  {_words(told['cause'])}{hold}"
    if word.event == "check":
        return f"{told['judged_at']}  check {told['number']}: {_words(told['verdict'])}  {told['sentence']}"
    if word.event == "convergence":
        return converged(told)
    if word.event == "away":
        return f"the API does not answer: {told['why']}; trying again"
    return f"{told['state']}: {_words(told['cause'] or 'ended')}"


def print_list(deployments: Iterable[dict[str, Any]], page: Console) -> None:
    """The id first, whole: however narrow the terminal, it can be copied."""
    lines = [
        f"{each['id']}  {each['state']:<18} {each['percent']:>5g} %  {each['key']} in {each['environment']}"
        f"{_starts(each)}"
        for each in deployments
    ]
    page.print("\n".join(lines) or "There are no deployments.", markup=False, soft_wrap=True)


def _starts(deployment: dict[str, Any]) -> str:
    """The moment of what has not started."""
    moment = deployment["plan"].get("apply_at") if deployment["state"] in _TO_START else None
    return f", at {_clock(moment)}" if moment else ""


def _odds(log_harm: float) -> str:
    return f"{math.exp(min(log_harm, 50)):.3g}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _clock(moment: str) -> str:
    return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M}"
