"""The page by keyboard, by ear, on a phone, in the dark and without motion."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.service.page.conftest import PATIENCE_MS, Running, give, opened

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
expect.set_options(timeout=PATIENCE_MS)

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

PHONE = {"width": 360, "height": 740}
NAMELESS = """() => {
  const labels = each => [...each.labels ?? []].map(label => label.textContent).join("");
  const named = each => each.getAttribute("aria-label") || labels(each)
    || document.getElementById(each.getAttribute("aria-labelledby"))?.textContent
    || (["BUTTON", "A"].includes(each.tagName) ? each.textContent : "");
  return [...document.querySelectorAll("button, select, input, a[href], article, section, [role]")]
    .filter(each => each.checkVisibility() && !["alert", "status", "none"].includes(each.role))
    .filter(each => !named(each).trim())
    .map(each => each.outerHTML.slice(0, 120));
}"""
SMALL = """() => [...document.querySelectorAll("button, select, input, a[href]")]
  .filter(each => each.checkVisibility() && !each.classList.contains("unseen"))
  .map(each => [each, (each.type === "checkbox" ? each.closest("label") : each).getBoundingClientRect()])
  .filter(([, box]) => box.height < 43.9 || box.width < 43.9)
  .map(([each, box]) => `${Math.round(box.width)} x ${Math.round(box.height)}: ${each.outerHTML.slice(0, 100)}`)"""
SPINNER = """() => {
  const busy = Object.assign(document.createElement("p"), {className: "busy"});
  document.querySelector("#results").append(busy);
  return getComputedStyle(busy, "::before").animationName;
}"""
TWICE = """() => {
  const ids = [...document.querySelectorAll("[id]")].map(each => each.id);
  const pointed = [...document.querySelectorAll("[for], [aria-labelledby], [aria-controls]")].flatMap(each =>
    ["for", "aria-labelledby", "aria-controls"].map(name => each.getAttribute(name)).filter(Boolean));
  return [...ids.filter((id, i) => ids.indexOf(id) !== i), ...pointed.filter(id => !ids.includes(id))];
}"""
FOCUSED = """() => {
  const {ariaLabel, textContent, id} = document.activeElement;
  return ariaLabel || textContent.trim() || id;
}"""


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what has the name is focused, and see that the focus shows."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if re.match(name, page.evaluate(FOCUSED)):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid", f"the focus on {name} does not show"
            return
    pytest.fail(f"{name} is not reached with Tab")


def test_all_of_it_is_done_by_keyboard(page: Page, sounds: Path) -> None:
    tab_to(page, "digits")  # the choice of models: its text is its options
    with page.expect_file_chooser() as chooser:
        tab_to(page, "Choose files")
        page.keyboard.press("Enter")
    chooser.value.set_files(str(sounds / "7.wav"))
    expect(page.locator(".answer .label")).to_have_text("7")
    tab_to(page, "Play 7, ")
    page.keyboard.press("Enter")
    expect(page.locator(".region.playing")).to_have_count(1)
    tab_to(page, "Play 7.wav|Pause 7.wav")
    tab_to(page, "Position in 7.wav")
    page.keyboard.press("End")
    expect(page.get_by_role("slider")).not_to_have_value("0")
    tab_to(page, "Show all")
    tab_to(page, "feedback-")  # the box to tick
    page.keyboard.press("Space")
    tab_to(page, "Correct")
    tab_to(page, "Wrong, it is")
    page.keyboard.press("Enter")
    page.keyboard.type("3")  # the focus went to the choice of labels
    assert page.evaluate("document.activeElement.value") == "label:3"
    tab_to(page, "Send")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Thank you. Your answer and the sound are kept.")).to_be_focused()


def test_everything_has_a_name(page: Page, sounds: Path) -> None:
    give(page, sounds / "7.wav", sounds / "letter.wav")
    expect(page.locator(".answer .label")).to_have_text("7")
    page.get_by_role("button", name="Wrong, it is …").click()
    page.get_by_label("It is", exact=True).select_option("something else …")
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate(TWICE) == []
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("h1").count() == 1
    assert page.get_by_role("main").count() == 1


def test_results_are_read_out(page: Page, sounds: Path) -> None:
    news = page.locator("#news")
    expect(news).to_have_attribute("aria-live", "polite")
    give(page, sounds / "3.wav")
    expect(news).to_contain_text("1 sound given to digits.")
    expect(news).to_contain_text("3.wav: 3, ")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(browser: Browser, service: Running, sounds: Path, scheme: str) -> None:
    shape = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "color_scheme": scheme}
    with opened(browser, service.url, **shape) as page:
        give(page, sounds / "7.wav", sounds / "noise.wav", sounds / "letter.wav")
        expect(page.locator(".answer .label")).to_have_text(["7", "Not sure"])
        page.get_by_role("button", name="Wrong, it is …").first.click()
        page.get_by_label("Model", exact=True).select_option("distortion")
        give(page, sounds / "clipped.wav")
        expect(page.get_by_role("list", name="Evidence")).to_be_visible()
        page.get_by_label("Model", exact=True).select_option("digits")
        page.get_by_role("button", name="Listen live").click()
        expect(page.locator(".told li").first).to_be_visible()
        page.get_by_role("button", name="Record", exact=True).click()
        expect(page.get_by_role("button", name="Stop and send")).to_be_enabled()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert page.evaluate(SMALL) == []


def test_light_and_dark_follow_the_reader(browser: Browser, service: Running) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        with opened(browser, service.url, color_scheme=scheme) as page:
            grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds == {"rgb(255, 255, 255)", "rgb(20, 23, 28)"}


def test_nothing_moves_for_those_who_want_it_so(browser: Browser, service: Running) -> None:
    with opened(browser, service.url, reduced_motion="reduce") as page:
        assert page.evaluate(SPINNER) == "none"
    with opened(browser, service.url) as page:
        assert page.evaluate(SPINNER) == "turn"


def test_this_test_would_see_what_the_policy_forbids(browser: Browser, service: Running) -> None:
    with (
        pytest.raises(AssertionError, match="Content Security Policy"),
        opened(browser, service.url) as page,
        page.expect_console_message(),
    ):
        page.evaluate("document.body.setAttribute('style', 'color: red')")
