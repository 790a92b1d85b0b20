"""Files that are given to the page, and what it shows of them."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

import pytest

from earmark.audio import read_audio
from tests.conftest import real_corpus
from tests.service.page.conftest import PATIENCE_MS, Running, give, opened

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
expect.set_options(timeout=PATIENCE_MS)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

N_COLOURS = """canvas => {
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Set();
  for (let i = 0; i < data.length; i += 4) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
  return seen.size;
}"""
DROP = """([name, content]) => {
  const transfer = new DataTransfer();
  const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
  transfer.items.add(new File([bytes], name, {type: "audio/wav"}));
  const target = document.querySelector("#drop");
  for (const type of ["dragover", "drop"]) {
    target.dispatchEvent(new DragEvent(type, {dataTransfer: transfer, bubbles: true, cancelable: true}));
  }
}"""


def label_of(card: Locator) -> Locator:
    return card.locator(".answer .label")


def test_a_spoken_digit_is_told(page: Page, sounds: Path) -> None:
    give(page, sounds / "7.wav")
    card = page.get_by_role("article", name="7.wav")
    expect(label_of(card)).to_have_text("7")
    expect(card.locator(".answer .badge")).to_have_text("sure")
    expect(card.locator(".answer .share")).to_have_text(re.compile(r"^(> )?\d+(\.\d)? %$"))
    expect(card.locator(".latency")).to_have_text(
        re.compile(r"answered in [\d.]+ m?s \(decode .+, queue .+, compute .+\)")
    )
    expect(card.locator(".bars li").first.locator(".name")).to_have_text("7")
    expect(card.locator(".bars li")).to_have_count(5)
    card.get_by_role("button", name="Show all 10 labels").click()
    expect(card.locator(".bars li")).to_have_count(10)
    expect(page.locator("#news")).to_contain_text("7.wav: 7")


def test_it_is_drawn_with_what_was_heard_in_it(page: Page, sounds: Path) -> None:
    give(page, sounds / "7.wav")
    card = page.get_by_role("article", name="7.wav")
    expect(card.locator(".pitch").first).to_be_visible()
    assert card.locator("canvas.wave").evaluate(N_COLOURS) > 2
    assert card.locator("canvas.spectrum").evaluate(N_COLOURS) > 50
    expect(card.locator(".region")).to_have_count(1)
    expect(card.get_by_role("button", name=re.compile(r"^Play 7, .*, from .* to "))).to_be_visible()


def test_it_is_played_and_so_are_its_parts(page: Page, sounds: Path) -> None:
    give(page, sounds / "7.wav")
    card = page.get_by_role("article", name="7.wav")
    card.get_by_role("button", name="Play 7.wav").click()
    expect(card.get_by_role("button", name="Pause 7.wav")).to_be_visible()
    expect(card.get_by_role("button", name="Play 7.wav")).to_be_visible()  # it has ended
    assert float(card.get_by_role("slider").input_value()) > 0.1
    card.get_by_role("button", name=re.compile("^Play 7, ")).click()
    expect(card.locator(".region.playing")).to_have_count(1)
    expect(card.locator(".region.playing")).to_have_count(0)


def test_a_click_on_the_picture_plays_from_there(page: Page, sounds: Path) -> None:
    give(page, sounds / "7.wav")
    card = page.get_by_role("article", name="7.wav")
    expect(card.locator(".pitch").first).to_be_visible()
    box = card.locator(".picture").bounding_box()
    assert box is not None
    card.locator(".picture").click(position={"x": box["width"] * 0.8, "y": 20})
    expect(card.get_by_role("button", name="Play 7.wav")).to_be_visible()
    length_s = float(card.get_by_role("slider").get_attribute("max") or 0)
    assert float(card.get_by_role("slider").input_value()) >= 0.75 * length_s


def test_what_the_browser_cannot_decode_has_an_answer_all_the_same(page: Page, sounds: Path, tmp_path: Path) -> None:
    import soundfile

    spoken = read_audio(sounds / "7.wav")
    soundfile.write(tmp_path / "7.aiff", spoken.samples[0], spoken.rate_hz)
    give(page, tmp_path / "7.aiff")
    card = page.get_by_role("article", name="7.aiff")
    expect(label_of(card)).to_have_text("7")
    expect(card).to_contain_text("This browser cannot draw this kind of file; the result stands.")
    card.get_by_role("button", name="Play 7.aiff").click()
    expect(card).to_contain_text("This browser cannot play this kind of file; the result stands.")


def test_several_events_are_told_in_turn_and_none_covers_another(page: Page, sounds: Path) -> None:
    give(page, sounds / "3 and 7.wav")
    card = page.get_by_role("article", name="3 and 7.wav")
    expect(card).to_contain_text("Heard in turn: 3, 7")
    buttons = card.locator(".events button")
    expect(buttons).to_have_count(2)
    one, other = (buttons.nth(i).bounding_box() for i in range(2))
    assert one is not None
    assert other is not None
    apart = one["x"] + one["width"] <= other["x"] or one["y"] + one["height"] <= other["y"]
    assert apart


def test_each_of_several_files_has_its_card_and_the_latest_lot_is_on_top(page: Page, sounds: Path) -> None:
    give(page, sounds / "3.wav", sounds / "7.wav")
    expect(page.locator(".answer .label")).to_have_text(["3", "7"])
    give(page, sounds / "noise.wav")
    expect(page.locator(".result h3")).to_have_text(["noise.wav", "3.wav", "7.wav"])


def test_what_it_does_not_know_it_is_not_sure_of(page: Page, sounds: Path) -> None:
    give(page, sounds / "noise.wav")
    card = page.get_by_role("article", name="noise.wav")
    expect(label_of(card)).to_have_text("Not sure")
    expect(card).to_contain_text("The likeliest is")


def test_what_is_no_sound_is_refused_in_a_sentence(page: Page, sounds: Path) -> None:
    give(page, sounds / "letter.wav")
    notice = page.get_by_role("article", name="letter.wav").locator(".notice.bad")
    expect(notice).to_have_text(re.compile(r"^[A-Z].+\.$"))
    assert str(sounds) not in (notice.text_content() or "")
    assert "tmp" not in (notice.text_content() or "")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    expect(page.locator("#news")).to_contain_text("letter.wav: ")


def test_a_file_is_dropped(page: Page, sounds: Path) -> None:
    page.evaluate(DROP, ["dropped.wav", base64.b64encode((sounds / "3.wav").read_bytes()).decode()])
    expect(label_of(page.get_by_role("article", name="dropped.wav"))).to_have_text("3")


def test_a_name_that_looks_like_markup_stays_text(page: Page, sounds: Path, tmp_path: Path) -> None:
    name = "<img src=x onerror=document.title='taken'> & \"so\".wav"
    (tmp_path / name).write_bytes((sounds / "3.wav").read_bytes())
    give(page, tmp_path / name)
    card = page.locator(".result")
    expect(label_of(card)).to_have_text("3")
    expect(card.locator("h3")).to_have_text(name)
    assert card.locator("img").count() == 0
    assert page.title() == "earmark: what is this sound?"


def test_names_of_files_stay_in_the_browser(page: Page, sounds: Path, tmp_path: Path) -> None:
    (tmp_path / "my secret.wav").write_bytes((sounds / "3.wav").read_bytes())
    with page.expect_request("**/v1/classify*") as sent:
        give(page, tmp_path / "my secret.wav")
    expect(page.locator(".answer .label")).to_have_text("3")
    assert b"secret" not in (sent.value.post_data_buffer or b"")
    assert "secret" not in sent.value.url


def test_a_card_is_removed(page: Page, sounds: Path) -> None:
    give(page, sounds / "3.wav", sounds / "7.wav")
    expect(page.locator(".answer .label")).to_have_text(["3", "7"])
    page.get_by_role("button", name="Remove 3.wav").click()
    expect(page.locator(".result h3")).to_have_text(["7.wav"])
    expect(page.get_by_role("button", name="Remove 7.wav")).to_be_focused()
    page.get_by_role("button", name="Remove 7.wav").click()
    expect(page.get_by_role("button", name="Choose files")).to_be_focused()


def test_damage_is_told_with_place_and_evidence(page: Page, sounds: Path) -> None:
    page.get_by_label("Model", exact=True).select_option("distortion")
    expect(page.get_by_role("button", name="Listen live")).to_be_disabled()
    give(page, sounds / "clipped.wav")
    card = page.get_by_role("article", name="clipped.wav")
    expect(label_of(card)).to_contain_text("Clipping")
    expect(card.locator(".answer .badge")).to_have_text(re.compile(r"^severity [\d.]+ %, .+ sure$"))
    expect(card.get_by_role("list", name="Severity").get_by_role("listitem").first).to_contain_text("%")
    evidence = card.get_by_role("list", name="Evidence").get_by_role("listitem")
    expect(evidence.first).to_have_text(re.compile(r"^[A-Z0-9].+\.$"))
    expect(card.locator(".lines p.found").first).to_contain_text("Clipping")
    expect(card.get_by_role("button", name=re.compile(r"^Play Clipping, severity .* from"))).to_be_visible()
    assert card.locator(".lines canvas").first.evaluate(N_COLOURS) > 1


def test_a_server_that_is_gone_is_told_and_found_again(page: Page, sounds: Path) -> None:
    page.context.set_offline(True)
    give(page, sounds / "3.wav")
    expect(page.get_by_role("alert").filter(has_text="does not answer")).to_be_visible()
    expect(page.locator("#state")).to_have_text("Server gone")
    page.context.set_offline(False)
    expect(page.locator("#gone")).to_be_hidden()
    expect(page.locator("#state")).to_contain_text("Ready")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".answer .label")).to_have_text("3")


def test_a_file_that_is_too_large_is_told_as_such(
    browser: Browser, serve: Callable[..., Running], tmp_path: Path
) -> None:
    (tmp_path / "large.wav").write_bytes(b"RIFF" + bytes(30_000_000))
    service = serve(models=("digits",), max_upload_mb=1.0)
    with opened(browser, service.url) as page:
        give(page, tmp_path / "large.wav")
        notice = page.get_by_role("article", name="large.wav").locator(".notice.bad")
        expect(notice).to_contain_text(re.compile("larger? than|more than 1 MB"))
        expect(page.locator("#state")).to_have_text("Ready, 1 model")


@pytest.mark.real
def test_recorded_digits_are_told(page: Page) -> None:
    recordings = real_corpus("fsdd") / "recordings"
    give(page, *(recordings / f"{digit}_jackson_7.wav" for digit in range(10)))
    expect(page.locator(".answer .label")).to_have_text([str(digit) for digit in range(10)])
