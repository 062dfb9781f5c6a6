"""The lounge in a real browser: what two people see who use it at the same time.

With the environment variable SCREENSHOTS set to a directory, what they see is kept there; `make
screenshots` renews the pictures of the documentation so.
"""

from __future__ import annotations

import os
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MAX_MILLISECONDS = 15_000

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")


@pytest.fixture
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM,
            # A container has no sandbox of its own for the browser, and no network to look up.
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture
def person(browser: Any) -> Callable[[], Any]:
    """Open a page in a browser of one's own: with cookies that nobody else has."""

    def open_page() -> Any:
        context = browser.new_context(viewport={"width": 760, "height": 480})
        context.set_default_timeout(MAX_MILLISECONDS)
        return context.new_page()

    return open_page


@pytest.fixture
def keep(tmp_path: Path) -> Callable[[Any, str], None]:
    """Keep a picture of what a page looks like."""
    directory = Path(os.environ.get("SCREENSHOTS", tmp_path))

    def screenshot(page: Any, name: str) -> None:
        path = directory / f"lounge-{name}.png"
        page.screenshot(path=path)
        assert path.stat().st_size > 1000

    return screenshot


def png(size: int, colour: tuple[int, int, int]) -> bytes:
    """Make a picture of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    pixels = zlib.compress((b"\0" + bytes(colour) * size) * size)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def enter(page: Any, url: str, form: str, name: str) -> None:
    page.goto(f"{url}/{form}")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("main").get_by_role("button").click()


def test_two_people_meet_in_the_lounge(
    serve_lounge: Callable[..., Any],
    person: Callable[[], Any],
    keep: Callable[[Any, str], None],
    tmp_path: Path,
) -> None:
    expect = playwright.expect
    url = serve_lounge(tmp_path / "lounge.db").url
    ada, bob = person(), person()
    problems: list[str] = []
    for page in (ada, bob):
        page.on("pageerror", lambda error: problems.append(str(error)))

    # Register; a name that is taken is refused on the same page.
    enter(ada, url, "register", "ada")
    expect(ada.get_by_role("heading", name="Rooms")).to_be_visible()
    enter(bob, url, "register", "ada")
    expect(bob.get_by_role("alert")).to_have_text("The name 'ada' is taken.")
    enter(bob, url, "register", "bob")

    # Open a room, and meet there.
    ada.get_by_label("Name").fill("engines")
    ada.get_by_label("Topic").fill("Of the analytical kind")
    keep(ada, "rooms")
    ada.get_by_role("button", name="Open").click()
    bob.goto(f"{url}/rooms/engines")
    for page in (ada, bob):
        expect(page.locator("#state")).to_have_text("live")

    # Post; the other one sees it without doing anything.
    ada.get_by_label("Message").fill("Hello @bob <b>&</b> welcome")
    ada.get_by_role("button", name="Send").click()
    expect(bob.locator("#messages li p")).to_have_text(["Hello @bob <b>&</b> welcome"])
    bob.get_by_label("Message").fill("Pleased to meet you")
    bob.keyboard.press("Enter")
    expect(ada.locator("#messages li")).to_have_count(2)
    expect(ada.locator("#messages li").last).to_contain_text("bob")
    keep(ada, "room")

    # Upload a picture; it is shown at once.
    bob.get_by_role("link", name="bob").click()
    bob.get_by_label("Picture", exact=True).set_input_files(
        {"name": "me.png", "mimeType": "image/png", "buffer": png(64, (179, 66, 27))}
    )
    bob.get_by_role("button", name="Upload").click()
    picture = bob.get_by_alt_text("Your picture")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 64
    expect(bob.get_by_text("mentioned in 1 message.")).to_be_visible()
    keep(bob, "profile")

    # Log out, and be asked to log in again; logging in leads back.
    bob.get_by_role("button", name="Log out").click()
    expect(bob.get_by_role("link", name="Register")).to_be_visible()
    bob.goto(f"{url}/profile")
    expect(bob.get_by_role("heading", name="Log in")).to_be_visible()
    bob.get_by_label("Name").fill("bob")
    bob.get_by_label("Password").fill("correct horse")
    bob.get_by_role("main").get_by_role("button").click()
    expect(bob.get_by_text("mentioned in 1 message.")).to_be_visible()
    assert problems == []
