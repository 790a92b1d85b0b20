from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from earmark.core.errors import ConfigError
from earmark.core.page import Page, Value

PNG = b"\x89PNG\r\n\x1a\n" + b"rest of a picture"


class Balanced(HTMLParser):
    """Fails on tags that do not close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "img"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def full_page() -> Page:
    page = Page("Digits <1>", summary="Two & three", footer="made by earmark")
    page.heading("One")
    page.heading("Inside", level=3)
    page.paragraph("text with <b>tags</b>")
    page.notice("found", "bad", title='"Leak"', remedy="split again", items=["a.wav", "b.wav"])
    page.table(["model", "score"], [["svm", 0.61234], ["<forest>", None]], caption="Scores", sortable=True)
    page.figure(PNG, alt='a "curve"', caption="Curve")
    page.figure('<svg viewBox="0 0 1 1"><rect class="accent"/></svg>', alt="bars", half=True)
    page.figure("<?xml version='1.0'?><svg></svg>", alt="file")
    page.preformatted("a < b\n  c")
    page.facts([("clips", "3 & 4")])
    page.details("2 files", ["x<y.wav", "z.wav"])
    return page


def test_every_tag_closes_and_every_text_is_escaped() -> None:
    text = full_page().render()
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []
    for escaped in ("Digits &lt;1&gt;", "&lt;b&gt;tags", "&lt;forest&gt;", "x&lt;y.wav", "a &lt; b\n  c", "3 &amp; 4"):
        assert escaped in text
    assert "<b>" not in text


def test_page_asks_for_nothing_outside_itself() -> None:
    text = full_page().render()
    assert re.findall(r"""(?:src|href)=["']([^"']{0,5})""", text) == ["data:", "data:"]
    assert "default-src 'none'" in text
    assert "@import" not in text
    assert "url(" not in text


def test_script_is_there_only_for_sortable_tables_and_matches_its_policy() -> None:
    import base64
    import hashlib

    page = Page("t")
    page.table(["a"], [["b"]])
    assert "<script" not in page.render()
    page.table(["a"], [["b"]], sortable=True)
    text = page.render()
    script = text[text.index("<script>") + 8 : text.index("</script>")]
    assert f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}" in text


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (12000, "12,000"),
        (0.61234, "0.6123"),
        (None, "\N{EN DASH}"),
        (True, "yes"),
        (False, "no"),
        (Value("2 min 31 s", 151.0), "2 min 31 s"),
        ("plain", "plain"),
    ],
)
def test_cells_are_shown_as_people_write_them(cell: str | float | Value | None, shown: str) -> None:
    page = Page("t")
    page.table(["row", "value"], [["x", cell]])
    assert f">{shown}</td>" in page.render()


@pytest.mark.parametrize(
    "cells",
    [[1, 2.5], ["0.98 [0.97, 0.99]", "93 %"], ["2 min 31 s", "43 s"], [None, "\N{MINUS SIGN}3 dB"], ["1.2 ± 0.1", ""]],
)
def test_columns_of_numbers_are_aligned_right(cells: list[str | int | float | None]) -> None:
    page = Page("t")
    page.table(["row", "value"], [["x", cell] for cell in cells])
    assert page.render().count('class="number"') == 3


def test_columns_of_words_and_row_names_are_aligned_left() -> None:
    page = Page("t")
    page.table(["digit", "name"], [["0", "zero"], ["1", "12 monkeys and more"]])
    assert 'class="number"' not in page.render()


def test_values_sort_by_their_number() -> None:
    page = Page("t")
    page.table(["row", "time"], [["x", Value("2 min", 120.0)]], sortable=True)
    assert 'data-key="120.0">2 min</td>' in page.render()


def test_row_of_wrong_length_is_refused_with_its_place() -> None:
    with pytest.raises(ConfigError, match=r'page "t", table "scores", row 2: found 1 cells, expected 2 \(a, b\)'):
        Page("t").table(["a", "b"], [[1, 2], [1]], caption="scores")


@pytest.mark.parametrize("image", [b"GIF89a", "<div>", b""])
def test_figure_that_is_neither_png_nor_svg_is_refused(image: bytes | str) -> None:
    with pytest.raises(ConfigError, match="expected the bytes of a PNG or the text of an SVG"):
        Page("t").figure(image, alt="picture")


def test_contents_appear_from_four_headings_on() -> None:
    page = Page("t")
    for name in ("a", "b", "c"):
        page.heading(name)
    assert "<nav" not in page.render()
    page.heading("d & e")
    text = page.render()
    assert '<a href="#part-4">d &amp; e</a>' in text
    assert 'id="part-4"' in text


def test_notice_is_named_by_its_kind_where_it_has_no_title() -> None:
    page = Page("t")
    page.notice("silent clips", "warning", items=["one"])
    text = page.render()
    assert "<strong>Warning</strong>" in text
    assert "Show it" in text


def test_embedded_scripts_stand_once_at_the_end_and_only_they_may_run() -> None:
    page = Page("Digits")
    page.embed('<div id="x"></div>', ["let a=1;"])
    page.embed("<p>more</p>", ["let a=1;", "let b=2;"])
    text = page.render()
    assert text.count("<script>let a=1;</script>") == 1
    assert text.index("<p>more</p>") < text.index("<script>let a=1;") < text.index("<script>let b=2;")
    digest = base64.b64encode(hashlib.sha256(b"let b=2;").digest()).decode()
    assert f"'sha256-{digest}'" in text
    assert "img-src data: blob:" in text
    assert "blob:" not in Page("Digits").render()
