"""Recording and live mode, with a microphone that hears a spoken seven."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from earmark.audio import read_audio
from tests.conftest import real_corpus
from tests.service.page.conftest import PATIENCE_MS, Running, launched, microphone, opened, write_microphone

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
expect.set_options(timeout=PATIENCE_MS)

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page, Playwright

WORD_AND_PAUSES = re.compile(r"^(2\.[6-9]|[3-9]\.\d) s$")


def test_a_recording_is_heard(page: Page) -> None:
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.get_by_role("button", name="Stop and send")).to_be_focused()
    expect(page.locator(".recorder .number")).to_have_text(WORD_AND_PAUSES)
    page.get_by_role("button", name="Stop and send").click()
    card = page.get_by_role("article", name="Recording 1.wav")
    expect(card.locator(".answer .label")).to_have_text("7")
    expect(card.locator(".facts")).to_contain_text("mono")
    expect(page.get_by_role("button", name="Record", exact=True)).to_be_enabled()


def test_a_recording_is_discarded(page: Page) -> None:
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.get_by_role("button", name="Stop and send")).to_be_enabled()
    expect(page.get_by_role("meter")).to_be_visible()
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_role("button", name="Record", exact=True)).to_be_focused()
    assert page.locator(".result").count() == 0


def test_live_mode_tells_what_is_said_and_how_late(page: Page) -> None:
    page.get_by_role("button", name="Listen live").click()
    panel = page.get_by_role("region", name="Listening live with digits")
    first = panel.get_by_role("listitem").last
    expect(first.locator(".name")).to_have_text("7")
    expect(first.locator(".late")).to_have_text(re.compile(r"^[\d.]+ m?s after it ended$"))
    expect(first.locator(".number").first).to_have_text(re.compile(r"^[\d.]+ s$"))
    expect(panel.locator(".badge")).to_have_text(re.compile("Sound|Quiet"))
    panel.get_by_role("button", name="Stop").click()
    expect(panel.locator(".badge")).to_have_text(re.compile(r"^Stopped after [\d.]+ s\.$"))
    expect(page.get_by_role("button", name="Listen live")).to_be_enabled()
    panel.get_by_role("button", name="Start again").click()
    expect(panel.get_by_role("listitem").locator(".name").first).to_have_text("7")
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()


def test_no_leave_to_use_the_microphone_is_told(driver: Playwright, service: Running) -> None:
    flags = ("--use-fake-device-for-media-stream", "--deny-permission-prompts")
    with launched(driver, *flags) as browser, opened(browser, service.url) as page:
        page.get_by_role("button", name="Record", exact=True).click()
        expect(page.get_by_role("alert").filter(has_text="microphone")).to_be_visible()
        expect(page.get_by_role("button", name="Record", exact=True)).to_be_enabled()
        page.get_by_role("button", name="Listen live").click()
        expect(page.locator("#live-panel").get_by_role("alert")).to_contain_text("Allow it in the address bar")


@pytest.mark.real
def test_a_recorded_digit_is_told_live(driver: Playwright, service: Running, tmp_path: Path) -> None:
    spoken = read_audio(real_corpus("fsdd") / "recordings" / "5_lucas_7.wav")
    write_microphone(tmp_path / "five.wav", spoken)
    with launched(driver, *microphone(tmp_path / "five.wav")) as browser, opened(browser, service.url) as page:
        page.get_by_role("button", name="Listen live").click()
        expect(page.locator(".told .name").last).to_have_text("5")
