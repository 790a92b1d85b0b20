"""A service that asks for keys: the page asks its reader for one, and keeps it to the tab."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.service.page.conftest import PATIENCE_MS, Running, give, opened

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
expect.set_options(timeout=PATIENCE_MS)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def locked(serve: Callable[..., Running]) -> Running:
    return serve(auth="on", models=("digits",))


@pytest.fixture(scope="module")
def key(locked: Running) -> str:
    from earmark.service.auth import create_key
    from earmark.service.database import Database, database_url

    database = Database(database_url("", str(locked.state_dir)))
    database.open()
    try:
        return create_key(database, "reader", 10_000)[0]
    finally:
        database.close()


@pytest.fixture
def locked_page(browser: Browser, locked: Running) -> Iterator[Page]:
    with opened(browser, locked.url) as page:
        expect(page.get_by_label("Key", exact=True)).to_be_focused()
        yield page


def enter(page: Page, key: str) -> None:
    page.get_by_label("Key", exact=True).fill(key)
    page.keyboard.press("Enter")


def test_a_key_is_asked_for_and_used(locked_page: Page, key: str, sounds: Path) -> None:
    expect(locked_page.locator("#state")).to_have_text("Needs a key")
    assert locked_page.get_by_label("Key", exact=True).get_attribute("type") == "password"
    enter(locked_page, key)
    expect(locked_page.locator("#state")).to_have_text("Ready, 1 model")
    expect(locked_page.get_by_label("Key", exact=True)).to_be_hidden()
    give(locked_page, sounds / "7.wav")
    card = locked_page.get_by_role("article", name="7.wav")
    expect(card.locator(".answer .label")).to_have_text("7")
    card.get_by_role("button", name="Correct").click()
    expect(card.get_by_text("Thank you.")).to_be_visible()


def test_a_wrong_key_is_told_and_asked_for_again(locked_page: Page, key: str) -> None:
    enter(locked_page, "ek_wrong")
    expect(locked_page.locator("#key-note")).to_contain_text("did not accept that key")
    expect(locked_page.get_by_label("Key", exact=True)).to_be_focused()
    expect(locked_page.get_by_label("Key", exact=True)).to_have_value("")
    enter(locked_page, key)
    expect(locked_page.locator("#state")).to_have_text("Ready, 1 model")


def test_the_key_goes_with_the_tab_and_never_into_an_address(locked_page: Page, key: str) -> None:
    asked: list[str] = []
    locked_page.on("request", lambda request: asked.append(request.url))
    enter(locked_page, key)
    expect(locked_page.locator("#state")).to_have_text("Ready, 1 model")
    assert locked_page.evaluate("sessionStorage.length") == 1
    assert locked_page.evaluate("localStorage.length") == 0
    assert locked_page.evaluate("document.cookie") == ""
    locked_page.reload()
    expect(locked_page.locator("#state")).to_have_text("Ready, 1 model")
    assert asked
    assert not [url for url in [*asked, locked_page.url] if key in url]
    other = locked_page.context.new_page()
    other.goto(locked_page.url)
    expect(other.get_by_label("Key", exact=True)).to_be_visible()


def test_live_mode_uses_the_key(locked_page: Page, key: str) -> None:
    enter(locked_page, key)
    locked_page.get_by_role("button", name="Listen live").click()
    expect(locked_page.locator(".told .name").last).to_have_text("7")


def test_live_mode_asks_for_a_key_that_counts(locked_page: Page, key: str) -> None:
    enter(locked_page, key)
    expect(locked_page.locator("#state")).to_have_text("Ready, 1 model")
    locked_page.evaluate("sessionStorage.setItem('earmark-key', 'ek_revoked')")
    locked_page.get_by_role("button", name="Listen live").click()
    expect(locked_page.get_by_label("Key", exact=True)).to_be_focused()
    enter(locked_page, key)
    expect(locked_page.locator(".told .name").last).to_have_text("7")


def test_without_a_key_nothing_is_done(locked_page: Page, key: str, sounds: Path) -> None:
    enter(locked_page, key)
    expect(locked_page.locator("#state")).to_have_text("Ready, 1 model")
    locked_page.evaluate("sessionStorage.clear()")
    give(locked_page, sounds / "7.wav")
    locked_page.get_by_role("button", name="Cancel").click()
    notice = locked_page.get_by_role("article", name="7.wav").locator(".notice.bad")
    expect(notice).to_have_text(re.compile("only with a key"))
    locked_page.get_by_role("button", name="Try again").click()
    enter(locked_page, key)
    expect(locked_page.locator(".answer .label")).to_have_text("7")
