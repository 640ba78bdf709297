"""The shop asks Changegate which checkout a customer meets, and without an answer keeps its own default."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import Reason
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from examples.shop.definitions import CONTROL, VARIANTS

THREADS = 16
PATIENCE_S = 0.5
"""How long a customer waits for the flag service before the default serves."""

log = logging.getLogger(__name__)


class Access:
    """Bearer token from a file that may be replaced while the shop runs, and the environment it speaks of."""

    def __init__(self, token_file: Path, environment: str) -> None:
        self.environment = environment
        self._file = token_file
        self._token = token_file.read_text().strip()

    def headers(self) -> dict[str, str]:
        """Fresh at each call; the last known token while the file cannot be read."""
        try:
            self._token = self._file.read_text().strip() or self._token
        except OSError:
            log.warning("%s cannot be read; using the token read before", self._file)
        return {"Authorization": f"Bearer {self._token}", "Changegate-Environment": self.environment}


class Choice:
    """Which checkout a customer meets, asked through the OFREP provider for OpenFeature, off the event loop."""

    def __init__(self, origin: str, headers: Callable[[], dict[str, str]], flag: str) -> None:
        self._provider = _provider(origin, headers)
        api.set_provider_and_wait(self._provider, domain="shop")
        self._client = api.get_client("shop")
        self._flag = flag
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="flags")
        self._answered = True

    async def variant_for(self, customer: str) -> str:
        """The version to serve; the coded default when the service is silent or names an unknown version."""
        loop = asyncio.get_running_loop()
        try:
            # Waiting is bounded here too: behind a service that hangs, calls would queue for a thread.
            async with asyncio.timeout(PATIENCE_S):
                value, problem = await loop.run_in_executor(self._threads, self._ask, customer)
        except TimeoutError:
            value, problem = CONTROL, "no answer in time"
        self._note(problem)
        return value if value in VARIANTS else CONTROL

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        self._provider.session.close()

    def _ask(self, customer: str) -> tuple[str, str | None]:
        """The flag's value, and what went wrong; an OpenFeature client does not raise."""
        found = self._client.get_string_details(self._flag, CONTROL, EvaluationContext(targeting_key=customer))
        return found.value, (found.error_message or "error") if found.reason == Reason.ERROR else None

    def _note(self, problem: str | None) -> None:
        if self._answered and problem is not None:
            log.warning("the flag service does not answer, serving %s: %s", CONTROL, problem)
        elif not self._answered and problem is None:
            log.warning("the flag service answers again")
        self._answered = problem is None


def _provider(origin: str, headers: Callable[[], dict[str, str]]) -> OFREPProvider:
    """The provider as published; only its session learns how many connections to keep."""
    provider = OFREPProvider(origin, headers_factory=headers, timeout=PATIENCE_S)
    # A kept connection may close under us; an evaluation changes nothing, so it may be asked once more.
    again = Retry(1, allowed_methods=None, respect_retry_after_header=False)
    for scheme in ("http://", "https://"):
        provider.session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=THREADS, max_retries=again))
    # Neither a proxy nor a .netrc of the machine comes between the shop and the flag service.
    provider.session.trust_env = False
    return provider
