"""What is said of a result on the page, and what is stored of it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.service.page.conftest import PATIENCE_MS, give

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
expect.set_options(timeout=PATIENCE_MS)

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from earmark.service.database.tables import Feedback
    from tests.service.page.conftest import Running

CONSENT = "Send the sound along."


def stored(service: Running, path: Path) -> Feedback:
    """Return the last word on a sound, as it stands in the database."""
    from sqlalchemy import select

    from earmark.service.database import Database, database_url
    from earmark.service.database.tables import Feedback

    database = Database(database_url("", str(service.state_dir)))
    database.open()
    try:
        with database.session() as session:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found = session.scalars(
                select(Feedback).where(Feedback.audio_sha256 == digest, Feedback.current.is_not(None))
            ).one()
            session.expunge(found)
            return found
    finally:
        database.close()


def own_copy(sounds: Path, name: str, folder: Path) -> Path:
    """Return a copy with other bytes and the same sound: the tests share one database."""
    path = folder / name
    path.write_bytes((sounds / name).read_bytes() + hashlib.sha256(str(folder).encode()).digest())
    return path


def heard(page: Page, path: Path) -> Locator:
    give(page, path)
    card = page.get_by_role("article", name=path.name)
    expect(card.locator(".answer .label")).to_be_visible()
    return card


def test_correct_is_kept_without_the_sound(page: Page, service: Running, sounds: Path, tmp_path: Path) -> None:
    path = own_copy(sounds, "7.wav", tmp_path)
    card = heard(page, path)
    expect(card.get_by_label(CONSENT)).not_to_be_checked()
    with page.expect_request("**/v1/feedback") as sent:
        card.get_by_role("button", name="Correct").click()
    expect(card.get_by_text("Thank you. Your answer is kept, the sound is not.")).to_be_focused()
    assert b"RIFF" not in (sent.value.post_data_buffer or b"")
    word = stored(service, path)
    assert (word.verdict, word.label, word.said, word.model) == ("correct", "7", "7", "digits")
    assert not word.consent
    assert word.audio_kept_at is None


def test_a_correction_is_kept_with_the_sound_where_that_is_ticked(
    page: Page, service: Running, sounds: Path, tmp_path: Path
) -> None:
    path = own_copy(sounds, "3.wav", tmp_path)
    card = heard(page, path)
    card.get_by_label(CONSENT).check()
    card.get_by_role("button", name="Wrong, it is …").click()
    expect(card.get_by_label("It is", exact=True)).to_be_focused()
    assert "3" not in card.get_by_label("It is", exact=True).locator("option").all_text_contents()
    card.get_by_label("It is", exact=True).select_option("8")
    card.get_by_label("Recording or speaker").fill("tape 4")
    card.get_by_label("Comment").fill("she said <eight>")
    card.get_by_role("button", name="Send", exact=True).click()
    expect(card.get_by_text("Thank you. Your answer and the sound are kept.")).to_be_visible()
    word = stored(service, path)
    assert (word.verdict, word.label, word.said) == ("wrong", "8", "3")
    assert (word.recording, word.comment) == ("tape 4", "she said <eight>")
    assert word.consent
    kept = [each for each in service.state_dir.rglob("*") if each.is_file() and each.read_bytes() == path.read_bytes()]
    assert len(kept) == 1


@pytest.mark.parametrize(
    ("choice", "typed", "label"), [("none of these", "", ""), ("something else …", "zwölf", "zwölf")]
)
def test_it_may_be_none_of_the_labels(
    page: Page, service: Running, sounds: Path, tmp_path: Path, choice: str, typed: str, label: str
) -> None:
    path = own_copy(sounds, "7.wav", tmp_path)
    card = heard(page, path)
    card.get_by_role("button", name="Wrong, it is …").click()
    card.get_by_label("It is", exact=True).select_option(choice)
    if typed:
        card.get_by_label("What it is").fill(typed)
    card.get_by_role("button", name="Send", exact=True).click()
    expect(card.get_by_text("Thank you.")).to_be_visible()
    assert stored(service, path).label == label


def test_one_event_of_several_is_corrected(page: Page, service: Running, sounds: Path, tmp_path: Path) -> None:
    path = own_copy(sounds, "3 and 7.wav", tmp_path)
    card = heard(page, path)
    card.get_by_role("button", name="Wrong, it is …").click()
    card.get_by_label("This holds for").select_option(index=2)
    card.get_by_label("It is", exact=True).select_option("1")
    card.get_by_role("button", name="Send", exact=True).click()
    expect(card.get_by_text("Thank you.")).to_be_visible()
    word = stored(service, path)
    assert (word.said, word.label) == ("7", "1")
    assert word.start_s is not None
    assert word.start_s > 2


def test_nothing_is_sent_before_a_label_is_chosen(page: Page, sounds: Path, tmp_path: Path) -> None:
    card = heard(page, own_copy(sounds, "7.wav", tmp_path))
    card.get_by_role("button", name="Wrong, it is …").click()
    card.get_by_role("button", name="Send", exact=True).click()
    expect(card.get_by_label("It is", exact=True)).to_be_focused()
    expect(card.get_by_text("Thank you.")).to_have_count(0)


def test_what_it_was_not_sure_of_is_confirmed_or_named(
    page: Page, service: Running, sounds: Path, tmp_path: Path
) -> None:
    path = own_copy(sounds, "noise.wav", tmp_path)
    card = heard(page, path)
    card.get_by_role("button", name="No, it is …").click()
    assert "none of these" not in card.get_by_label("It is", exact=True).locator("option").all_text_contents()
    card.get_by_role("button", name="Yes, none of them").click()
    expect(card.get_by_text("Thank you.")).to_be_visible()
    word = stored(service, path)
    assert (word.verdict, word.label, word.said) == ("correct", "", "")


def test_what_was_not_kept_is_told_and_can_be_sent_again(page: Page, sounds: Path, tmp_path: Path) -> None:
    card = heard(page, own_copy(sounds, "7.wav", tmp_path))
    page.context.set_offline(True)
    card.get_by_role("button", name="Correct").click()
    expect(card.get_by_role("status")).to_contain_text("This was not kept. The server does not answer.")
    page.context.set_offline(False)
    card.get_by_role("button", name="Correct").click()
    expect(card.get_by_text("Thank you.")).to_be_visible()
