"""Error pages in a real browser: they are readable, and need nothing that a strict policy forbids.

With the environment variable SCREENSHOTS set to a directory, what is seen is kept there; `make
screenshots` renews the picture of the documentation so.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MAX_MILLISECONDS = 15_000
APPS = Path(__file__).parent / "apps"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")


@pytest.fixture
def url(serve: Callable[..., Any]) -> str:
    server = serve("-m", "uvicorn", "--port", "0", "--app-dir", str(APPS), "shop:app")
    return str(server.url)


@pytest.fixture
def page() -> Iterator[Any]:
    """A page of a browser that sends a cookie and a password, as one does."""
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM,
            # A container has no sandbox of its own for the browser, and no network to look up.
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        try:
            context = browser.new_context(
                viewport={"width": 900, "height": 760},
                extra_http_headers={"authorization": "Basic YWRhOnNlY3JldA=="},
            )
            context.set_default_timeout(MAX_MILLISECONDS)
            yield context.new_page()
        finally:
            browser.close()


@pytest.fixture
def complaints(page: Any) -> list[str]:
    """What the browser complains about, but for the status of the page."""
    texts: list[str] = []

    def note(message: Any) -> None:
        if "the server responded with a status of" not in message.text:
            texts.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: texts.append(str(error)))
    return texts


def test_the_debug_page(url: str, page: Any, complaints: list[str], tmp_path: Path) -> None:
    expect = playwright.expect
    page.context.add_cookies([{"name": "basket", "value": "b-90ab", "url": url}])
    response = page.goto(f"{url}/orders/7/pay?step=2&token=tok-55aa")

    assert response.status == 500
    assert page.title() == "PaymentError at /orders/7/pay"
    expect(page.get_by_role("heading", level=2)).to_have_text(
        "shop.PaymentError: Cannot charge order 7."
    )

    # The newest frame is open, with its source and variables; others open at a click.
    newest, older = page.locator("main > details").nth(0), page.locator("main > details").nth(1)
    expect(newest.locator(".line.error")).to_contain_text("raise PaymentError")
    expect(newest.get_by_role("row", name="order")).to_contain_text("items=['book', 'pen']")
    expect(older.locator("pre")).to_be_hidden()
    older.locator("summary").click()
    expect(older.locator(".line.error")).to_contain_text("charge(order)")
    older.locator("summary").click()

    # The cause, the request, and the traceback to copy.
    cause = page.locator("section", has_text="Caused by").first
    expect(cause.get_by_text("KeyError: 'currency'")).to_be_visible()
    expect(page.get_by_role("row", name="Query")).to_contain_text("?step=2&token=********")
    for header in ("cookie", "authorization"):
        expect(page.get_by_role("row", name=header, exact=False)).to_contain_text("********")
    text = page.get_by_label("Traceback as text").input_value()
    assert text.startswith("Traceback (most recent call last):")
    assert text.endswith("PaymentError: Cannot charge order 7.\n")

    content = page.content()
    for secret in ("sk-live-2f6c9d", "tok-7d31e0", "tok-55aa", "b-90ab", "YWRhOnNlY3JldA"):
        assert secret not in content

    # Its own style is allowed, and nothing else was even tried.
    assert newest.evaluate("frame => getComputedStyle(frame).borderRadius") == "8px"
    assert complaints == []

    path = Path(os.environ.get("SCREENSHOTS", tmp_path)) / "debug-page.png"
    page.screenshot(path=path)
    assert path.stat().st_size > 1000


def test_the_debug_page_runs_no_script_of_others(
    url: str, page: Any, complaints: list[str]
) -> None:
    page.goto(f"{url}/orders/7/pay?<script>document.title='run'</script>")
    assert page.title() == "PaymentError at /orders/7/pay"
    assert complaints == []


def test_an_error_page_under_a_strict_policy(url: str, page: Any, complaints: list[str]) -> None:
    response = page.goto(f"{url}/orders/7")

    assert response.status == 410
    assert response.headers["content-security-policy"] == "default-src 'none'"
    expect = playwright.expect
    expect(page.get_by_role("heading")).to_have_text("410 Gone")
    expect(page.get_by_text("This order <was> cancelled.")).to_be_visible()
    expect(page.get_by_role("definition")).to_contain_text("book")
    assert page.evaluate("() => fetch('/').then(() => 'loaded', () => 'refused')") == "refused"
    assert any("Content Security Policy" in text for text in complaints)
