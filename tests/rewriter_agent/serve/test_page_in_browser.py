"""The pages in a headless Chromium, if Playwright is installed; the package is no requirement of the project."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.fake_service import ROW, TOKEN, fake_app
from tests.helpers.served_app import served

playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
HOSTILE = "How many are 2 and 3? <script>document.title = 'broken'</script>"
WAYS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 375, "height": 700}, "is_mobile": True, "has_touch": True},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        # A Chromium of the system, else the one that Playwright has downloaded.
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


def is_too_wide(page: Any) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


@pytest.mark.parametrize("way", WAYS)
def test_a_row_is_pasted_and_a_batch_is_uploaded(browser: Any, way: str, tmp_path: Path) -> None:
    with served(fake_app(folder=tmp_path)) as address:
        page = browser.new_context(**WAYS[way], accept_downloads=True).new_page()
        outside: list[str] = []
        page.on("request", lambda sent: None if sent.url.startswith(address) else outside.append(sent.url))
        page.goto(address)
        page.get_by_label("Question").fill(HOSTILE)
        page.get_by_label("Expert's solution").fill(ROW["solution"])
        page.get_by_role("button", name="Rewrite").click()
        page.get_by_role("heading", name="Candidates").wait_for()
        assert page.title() == "Rewrite"
        assert page.get_by_label("Question").input_value() == HOSTILE
        assert not is_too_wide(page)
        page.get_by_role("link", name="Batches").click()
        rows = "".join(json.dumps({**ROW, "question": f"Question {number}?"}) + "\n" for number in range(20))
        file = {"name": "rows.jsonl", "mimeType": "application/jsonl", "buffer": rows.encode()}
        page.locator("input[type=file]").set_input_files([file])
        page.get_by_role("button", name="Upload").click()
        # The page loads itself again until the batch is done.
        page.get_by_text("20 of 20").wait_for()
        assert not is_too_wide(page)
        with page.expect_download() as download:
            page.get_by_role("link", name="Download").click()
        assert len(Path(download.value.path()).read_text().splitlines()) == 20
        page.context.close()
    assert not outside


def test_a_token_is_typed_once_by_keyboard(browser: Any, tmp_path: Path) -> None:
    with served(fake_app(tokens=[TOKEN], folder=tmp_path)) as address:
        page = browser.new_page()
        page.goto(address)
        for typed, told in (("wrong", "This is no token of the service."), (TOKEN, "Expert's solution")):
            page.keyboard.type(typed)
            page.keyboard.press("Enter")
            page.get_by_text(told).wait_for()
        page.goto(f"{address}/batches")
        assert page.get_by_text("You have no batch.").is_visible()
        page.close()
