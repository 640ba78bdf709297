"""What passes to Temporal's UI, and what does not; the UI itself is the real one."""

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from adapters.postgres.listener import Listener
from api.services import Settings
from api.temporal_ui import TemporalUi

API = "/temporal/api/v1/namespaces/default"
SETTINGS = "/temporal/api/v1/settings"
WORDS = "/temporal/render"
FRAME = {"Sec-Fetch-Dest": "iframe"}
WARNING = "The words below come from the link that opened this page."


Showing = Callable[[str], Any]


@pytest.fixture
def showing(worlds: Callable[..., Any], store: Any, database_url: str, issuer: Any, data_folder: Path) -> Showing:
    """The application with Temporal's UI at an address."""
    return lambda address: worlds(store, Listener(database_url), issuer, data_folder, Settings(temporal_ui=address))


@pytest_asyncio.fixture
async def ui(showing: Showing, stack: Any, house: Any) -> AsyncIterator[httpx2.AsyncClient]:
    world = showing(stack.endpoints.temporal_ui_url)
    async with world.app.router.lifespan_context(world.app), world.client(house) as client:
        yield client


class TestReading:
    async def test_the_page_may_be_framed_by_our_own_pages_only(self, ui: httpx2.AsyncClient) -> None:
        page = await ui.get("/temporal/")
        assert page.status_code == 200
        assert "<html" in page.text
        assert page.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert page.headers["Content-Security-Policy"] == "frame-ancestors 'self'"
        assert page.headers.get_list("X-Frame-Options") == ["SAMEORIGIN"]

    async def test_what_the_page_asks_for_is_answered(self, ui: httpx2.AsyncClient) -> None:
        answer = await ui.get(f"{API}/workflows?query=", headers={"Authorization": "Bearer not-theirs"})
        assert answer.status_code == 200
        assert isinstance(answer.json(), dict)

    async def test_a_head_is_theirs_to_answer(self, ui: httpx2.AsyncClient) -> None:
        answer = await ui.head("/temporal/")
        assert (answer.headers.get("Content-Type") != "application/problem+json", answer.content) == (True, b"")

    async def test_a_query_of_a_workflow_reaches_temporal(self, ui: httpx2.AsyncClient) -> None:
        answer = await ui.post(f"{API}/workflows/approval%2Fnone/query/status", json={})
        assert answer.status_code not in {405, 503}


class TestReadOnly:
    async def test_the_ui_is_told_that_it_may_only_read(self, ui: httpx2.AsyncClient) -> None:
        answer = await ui.get(f"{SETTINGS}?")
        settings = answer.json()
        assert answer.headers["Content-Type"] == "application/json"
        assert settings["DisableWriteActions"] is True
        forbids = re.compile("(Start|Cancel|Terminate|Signal|Update|Reset|Pause|Batch|Command).*Disabled")
        named = [name for name in settings if forbids.search(name)]
        assert len(named) >= 9
        assert all(settings[name] for name in named)
        assert "Version" in settings


class TestWords:
    async def test_a_sentence_is_a_page_that_our_frame_may_show(self, ui: httpx2.AsyncClient) -> None:
        page = await ui.get(WORDS, params={"content": "**shop** in dev: 10 % (`ok`)\n\nall\nwell", "theme": "dark"})
        assert page.status_code == 200
        assert "<p><strong>shop</strong> in dev: 10 % (<code>ok</code>)</p><p>all<br>well</p>" in page.text
        assert '<html lang="en" class="dark">' in page.text
        assert page.headers["X-Frame-Options"] == "SAMEORIGIN"

    @pytest.mark.parametrize(
        "words",
        [
            "<script>alert(1)</script>",
            "**<img src=x onerror=alert(1)>**",
            "[here](javascript:alert(1))",
            "`</style></body><iframe src=//x>`",
            "\"'><b>",
        ],
    )
    async def test_no_word_becomes_markup_of_its_own(self, ui: httpx2.AsyncClient, words: str) -> None:
        page = await ui.get(WORDS, params={"content": words, "theme": '"><script>'}, headers=FRAME)
        body = page.text.partition("<main>")[2].removesuffix("</main></body></html>\n")
        assert set(re.findall(r"<[^>]*>", body)) <= {"<p>", "</p>", "<strong>", "</strong>", "<code>", "</code>"}
        assert page.text.count("<style>") == page.text.count("</style>") == 1
        assert 'class="light"' in page.text

    async def test_a_link_to_it_opens_nothing(self, ui: httpx2.AsyncClient) -> None:
        answer = await ui.get(WORDS, params={"content": "Call us"}, headers={"Sec-Fetch-Dest": "document"})
        assert (answer.status_code, "Call us" in answer.text) == (404, False)

    @pytest.mark.parametrize(("headers", "warnings"), [({}, 1), (FRAME, 0)])
    async def test_who_may_have_followed_a_link_is_told_first_whose_words_these_are(
        self, ui: httpx2.AsyncClient, headers: dict[str, str], warnings: int
    ) -> None:
        main = (await ui.get(WORDS, params={"content": "Call us"}, headers=headers)).text.partition("<main>")[2]
        before, _, words = main.partition("<p>Call us</p>")
        assert words
        assert before.count(WARNING) == warnings

    @pytest.mark.parametrize(
        "path",
        ["/temporal/temporal/render", "/temporal/%74emporal/%72ender", "/temporal//temporal/render/",
         "/temporal/temporal%2Frender", "/temporal/temporal"],
    )  # fmt: skip
    async def test_the_page_of_the_ui_itself_is_not_there(self, ui: httpx2.AsyncClient, path: str) -> None:
        """It repeats scripts; asked for at its own address, it shows what is kept from whoever comes through us."""
        raw = f"{path}?content=%3Cscript%3Ealert(1)%3C/script%3E".encode()
        request = ui.build_request("GET", httpx2.URL("http://changegate.test").copy_with(raw_path=raw))
        answer = await ui.send(request)
        assert (answer.status_code, "alert" in answer.text) == (404, False)

    async def test_it_runs_nothing_and_loads_nothing(self, ui: httpx2.AsyncClient) -> None:
        policy = (await ui.get(WORDS)).headers["Content-Security-Policy"].split("; ")
        assert {"default-src 'none'", "sandbox allow-same-origin", "frame-ancestors 'self'"} <= set(policy)
        assert not any("script" in part or "unsafe" in part for part in policy)


class TestNothingIsDone:
    @pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
    async def test_other_methods_are_405(self, ui: httpx2.AsyncClient, method: str) -> None:
        answer = await ui.request(method, f"{API}/workflows/x/query/status")
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")

    @pytest.mark.parametrize(
        "path",
        [
            f"{API}/workflows/x/signal/approve",
            f"{API}/workflows/x/signal/query",
            f"{API}/workflows/x/terminate",
            f"{API}/workflows/x/update/query/x",
            f"{API}/workflows/x%2Fsignal/query",
            f"{API}/workflows/x/query/a%2Fb",
            f"{API}/workflows/query/query",
            f"{API}/workflows/x/query/status/../../signal/approve",
            f"{API}/workflows/x/query/%2e%2e",
            "/temporal/api/v1/namespaces",
            "/temporal/",
        ],
    )
    async def test_whatever_is_posted_beside_a_query_is_refused(self, ui: httpx2.AsyncClient, path: str) -> None:
        request = ui.build_request("POST", httpx2.URL("http://changegate.test").copy_with(raw_path=path.encode()))
        assert (await ui.send(request)).status_code in {404, 405}

    async def test_a_path_cannot_climb_out(self, ui: httpx2.AsyncClient) -> None:
        for path in (
            b"/temporal/%2e%2e/x",
            b"/temporal/a%2F..%2F..%2Fb",
            b"/temporal/a\\..\\b",
        ):
            request = ui.build_request("GET", httpx2.URL("http://changegate.test").copy_with(raw_path=path))
            assert (await ui.send(request)).status_code == 404


class TestDown:
    async def test_a_ui_that_does_not_answer_is_503(self, showing: Showing, house: Any) -> None:
        world = showing("http://127.0.0.1:1")
        async with world.app.router.lifespan_context(world.app), world.client(house) as client:
            assert (await client.get("/temporal/")).status_code == 503

    @pytest.mark.parametrize("address", ["", "file:///etc/passwd", "localhost:8080"])
    def test_an_address_is_one_of_http(self, address: str) -> None:
        with pytest.raises(ValueError, match="Temporal's UI"):
            TemporalUi(address)
