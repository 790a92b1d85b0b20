"""One HTML file that holds everything it shows: no network, no fonts to fetch, readable without scripts.

A page is built from top to bottom by calling its methods and turned into text by `render`. All text is escaped.
A content security policy in the head forbids every request, so a report can be mailed and archived as it is.
Colours follow the reader's light or dark setting and turn black on white on paper. The classes of `STYLE` that
inline SVG may use: fill with ``ink soft accent good warning bad`` and text in ``label``.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from earmark.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NoticeKind = Literal["good", "info", "warning", "bad"]

CONTENTS_FROM_N_HEADINGS = 4
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NOTICE_WORDS: dict[NoticeKind, str] = {"good": "Good", "info": "Note", "warning": "Warning", "bad": "Problem"}
# A number as people write one: sign, digits, grouping, then an interval, a plus-minus or short units (2 min 31 s).
_NUMBER = re.compile(
    r"^[<>≈~]?\s*[-\N{MINUS SIGN}+]?\d[\d,.\N{NARROW NO-BREAK SPACE}]*(e[-+]?\d+)?(\s*[%\xd7(\[±].*|(\s+\S{1,3})*)$"
)

# The colours of everything that people see: reports, and the page of the service.
TOKENS = """
:root{color-scheme:light dark;--paper:#fff;--wash:#f5f6f8;--line:#dfe3e8;--ink:#1b2028;--soft:#5b6573;
--accent:#2361b8;--good:#197a43;--warning:#945c00;--bad:#b8261c;--good-wash:#eaf6ee;--info-wash:#ebf2fb;
--warning-wash:#fdf4e1;--bad-wash:#fdeceb}
@media (prefers-color-scheme:dark){:root{--paper:#14171c;--wash:#1c2027;--line:#333a44;--ink:#e6e9ee;--soft:#9ca6b4;
--accent:#79aef5;--good:#62c98d;--warning:#e5ae4e;--bad:#ff8a80;--good-wash:#15281d;--info-wash:#16243a;
--warning-wash:#2d2410;--bad-wash:#351917}}
"""

STYLE = (
    TOKENS
    + """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;background:var(--paper)}
body{margin:0 auto;padding:2.5rem 1.25rem 4rem;max-width:62rem;color:var(--ink);background:var(--paper);
font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .5rem;letter-spacing:-.01em}
h2{font-size:1.3rem;line-height:1.3;margin:2.75rem 0 .75rem;padding-top:1rem;border-top:1px solid var(--line)}
h3{font-size:1.05rem;margin:1.75rem 0 .5rem}
h1,h2,h3{text-wrap:balance;overflow-wrap:anywhere}
p{margin:.5rem 0;max-width:44rem;overflow-wrap:anywhere}
.summary{font-size:1.1rem;color:var(--soft);max-width:44rem}
a{color:var(--accent)}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
nav{margin:1.5rem 0;font-size:.95rem}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin:0;padding:0}
.notice{margin:1rem 0;padding:.75rem 1rem;border-left:4px solid var(--accent);border-radius:.35rem;
background:var(--info-wash)}
.notice p{margin:.25rem 0;max-width:none}
.notice strong{color:var(--accent)}
.notice.good{border-color:var(--good);background:var(--good-wash)}.notice.good strong{color:var(--good)}
.notice.warning{border-color:var(--warning);background:var(--warning-wash)}.notice.warning strong{color:var(--warning)}
.notice.bad{border-color:var(--bad);background:var(--bad-wash)}.notice.bad strong{color:var(--bad)}
.scroll{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;min-width:50%;font-size:.93rem}
caption{text-align:left;color:var(--soft);padding:0 0 .5rem;font-size:.9rem}
th,td{padding:.4rem .85rem;text-align:left;vertical-align:baseline;border-bottom:1px solid var(--line)}
thead th{border-bottom:2px solid var(--line);color:var(--soft);font-weight:600;vertical-align:bottom}
tbody th{font-weight:600}
tbody tr:hover{background:var(--wash)}
.number{text-align:right;font-variant-numeric:tabular-nums lining-nums;white-space:nowrap}
thead button{all:unset;cursor:pointer;color:inherit}
thead button::after{content:" \\2195";opacity:.45}
th[aria-sort=ascending] button::after{content:" \\2191";opacity:1}
th[aria-sort=descending] button::after{content:" \\2193";opacity:1}
figure{margin:1.25rem 0;max-width:100%}
figure.half{display:inline-block;vertical-align:top;width:calc(50% - 1rem);margin-right:.75rem}
figure img,figure svg{display:block;max-width:100%;height:auto}
figure img{background:#fff;border-radius:.35rem}
figcaption{color:var(--soft);font-size:.9rem;margin-top:.4rem;max-width:44rem}
svg .ink{fill:var(--ink)}svg .soft{fill:var(--line)}svg .accent{fill:var(--accent)}svg .good{fill:var(--good)}
svg .warning{fill:var(--warning)}svg .bad{fill:var(--bad)}svg .rule{stroke:var(--line);fill:none}
svg .label{fill:var(--soft);font:12px system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif}
pre{background:var(--wash);border:1px solid var(--line);border-radius:.35rem;padding:.75rem 1rem;overflow-x:auto;
font:.88rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1.5rem;margin:1rem 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
details{margin:.5rem 0}summary{cursor:pointer;color:var(--accent)}
details ul{margin:.5rem 0;padding-left:1.25rem;columns:20rem;font-size:.88rem;overflow-wrap:anywhere}
footer{margin-top:3rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--soft);font-size:.88rem}
@media (max-width:40rem){body{padding:1.25rem .9rem 3rem}h1{font-size:1.5rem}figure.half{width:100%}
th,td{padding:.35rem .55rem}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}}
@media print{:root{color-scheme:light;--paper:#fff;--wash:#fff;--line:#bbb;--ink:#000;--soft:#444;--accent:#1a4a8a;
--good:#12602f;--warning:#7a4b00;--bad:#9c1c14}body{max-width:none;padding:0;font-size:10pt}nav{display:none}
.scroll{overflow:visible}figure,.notice,tr{break-inside:avoid}h2,h3{break-after:avoid}thead{display:table-header-group}
.notice{border:1px solid var(--line);border-left-width:4px}}
"""
)

# The buttons are made here, so that a reader without scripts sees no dead control.
SORT_SCRIPT = """
for(const table of document.querySelectorAll("table.sortable"))
table.querySelectorAll("thead th").forEach((head,column)=>{
const button=document.createElement("button");button.type="button";button.append(...head.childNodes);
head.append(button);
button.onclick=()=>{const down=head.getAttribute("aria-sort")==="ascending";
table.querySelectorAll("thead th").forEach(other=>other.removeAttribute("aria-sort"));
head.setAttribute("aria-sort",down?"descending":"ascending");
const key=row=>row.cells[column].dataset.key??row.cells[column].textContent,body=table.tBodies[0];
const order=(a,b)=>{const x=key(a),y=key(b),n=x-y;
return isNaN(n)||x===""||y===""?x.localeCompare(y,undefined,{numeric:true}):n};
body.append(...[...body.rows].sort((a,b)=>down?order(b,a):order(a,b)))}});
"""


@dataclass(frozen=True)
class Value:
    """A cell that shows a text and sorts by a number."""

    text: str
    key: float


Cell = str | int | float | Value | None


def escape(text: str) -> str:
    """Return text that shows as itself inside HTML elements, attributes and SVG."""
    return html.escape(text, quote=True)


class Page:
    """An HTML page under construction.

    Example:
        >>> page = Page("Digits", summary="Two models, one table.")
        >>> page.table(["model", "accuracy"], [["svm", 0.61], ["forest", 0.55]], caption="Unseen speakers")
        >>> "<td" in page.render()
        True
    """

    def __init__(self, title: str, *, summary: str = "", footer: str = "") -> None:
        self.title = title
        self.summary = summary
        self.footer = footer
        self._parts: list[str] = []
        self._contents: list[tuple[str, str]] = []
        self._sortable = False
        self._scripts: list[str] = []

    def heading(self, text: str, *, level: Literal[2, 3] = 2) -> None:
        """Add a heading; headings of level 2 make up the contents once there are four."""
        anchor = f"part-{len(self._contents) + 1}"
        if level == 2:
            self._contents.append((anchor, text))
            self._parts.append(f'<h2 id="{anchor}">{escape(text)}</h2>')
        else:
            self._parts.append(f"<h3>{escape(text)}</h3>")

    def paragraph(self, text: str) -> None:
        """Add a paragraph."""
        self._parts.append(f"<p>{escape(text)}</p>")

    def notice(
        self, text: str, kind: NoticeKind = "info", *, title: str = "", remedy: str = "", items: Sequence[str] = ()
    ) -> None:
        """Add a coloured box: a title (or the word of its kind), what was found, what to do, a folded list."""
        lines = [f"<p><strong>{escape(title or _NOTICE_WORDS[kind])}</strong></p>", f"<p>{escape(text)}</p>"]
        if remedy:
            lines.append(f"<p>\N{RIGHTWARDS ARROW} {escape(remedy)}</p>")
        if items:
            lines.append(_details(f"Show all {len(items):,}" if len(items) > 1 else "Show it", items))
        self._parts.append(f'<div class="notice {kind}" role="note">{"".join(lines)}</div>')

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, caption: str = "", sortable: bool = False
    ) -> None:
        """Add a table whose first cells name the rows; columns of numbers are aligned right.

        Integers get thousands separators, floats four significant digits, None shows as a dash. Give a `Value` to
        show a number otherwise. Raises ConfigError for a row that has not one cell for each column.
        """
        body = [list(row) for row in rows]
        for number, row in enumerate(body, start=1):
            if len(row) != len(columns):
                raise ConfigError(
                    f'page "{self.title}", table "{caption}", row {number}: found {len(row)} cells, '
                    f"expected {len(columns)} ({', '.join(columns)})"
                )
        numeric = [column > 0 and _is_numeric([row[column] for row in body]) for column in range(len(columns))]
        head = "".join(
            f'<th scope="col"{_class(is_number)}>{escape(name)}</th>'
            for name, is_number in zip(columns, numeric, strict=True)
        )
        lines = ["".join(_cell(cell, index, numeric[index]) for index, cell in enumerate(row)) for row in body]
        self._sortable = self._sortable or sortable
        self._parts.append(
            f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption or "Table")}">'
            + ('<table class="sortable">' if sortable else "<table>")
            + (f"<caption>{escape(caption)}</caption>" if caption else "")
            + f"<thead><tr>{head}</tr></thead><tbody>"
            + "".join(f"<tr>{line}</tr>" for line in lines)
            + "</tbody></table></div>"
        )

    def figure(self, image: bytes | str, *, alt: str, caption: str = "", half: bool = False) -> None:
        """Add a picture, full width or two beside each other (`half`).

        Args:
            image: The bytes of a PNG; or SVG text. SVG that begins with ``<svg`` goes in as it is and may use the
                page's colours; SVG files (``<?xml``, from matplotlib) are shown as pictures on white, because the
                ids in them repeat from one file to the next.
            alt: What the picture shows, for those who do not see it.
            caption: Text below.
            half: Share the line with the next half figure on a wide screen.

        Raises:
            ConfigError: The image is neither.
        """
        caption_html = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
        shape = ' class="half"' if half else ""
        self._parts.append(f"<figure{shape}>{_image(image, alt)}{caption_html}</figure>")

    def preformatted(self, text: str) -> None:
        """Add text in a fixed-width font with its own line breaks: commands, logs."""
        self._parts.append(f"<pre>{escape(text)}</pre>")

    def facts(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Add a list of names and values."""
        items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs)
        self._parts.append(f"<dl>{items}</dl>")

    def details(self, title: str, items: Iterable[str]) -> None:
        """Add a long list that stays folded until the reader opens it."""
        self._parts.append(_details(title, items))

    def embed(self, markup: str, scripts: Sequence[str] = ()) -> None:
        """Add trusted HTML as it is, and trusted scripts that run at the end of the page, equal ones once."""
        self._parts.append(markup)
        self._scripts += [script for script in scripts if script not in self._scripts]

    def render(self) -> str:
        """Return the whole page as one HTML document."""
        scripts = [*([SORT_SCRIPT] if self._sortable else []), *self._scripts]
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(self._scripts)}">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self.title)}</title><style>{STYLE}</style></head><body>\n"
            f"<header><h1>{escape(self.title)}</h1>"
            + (f'<p class="summary">{escape(self.summary)}</p>' if self.summary else "")
            + f"</header>\n{self._navigation()}<main>\n"
            + "\n".join(self._parts)
            + "\n</main>"
            + (f"<footer>{escape(self.footer)}</footer>" if self.footer else "")
            + "".join(f"<script>{script}</script>" for script in scripts)
            + "</body></html>\n"
        )

    def _navigation(self) -> str:
        if len(self._contents) < CONTENTS_FROM_N_HEADINGS:
            return ""
        links = "".join(f'<li><a href="#{anchor}">{escape(text)}</a></li>' for anchor, text in self._contents)
        return f'<nav aria-label="Contents"><ul>{links}</ul></nav>\n'


def _details(title: str, items: Iterable[str]) -> str:
    lines = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f"<details><summary>{escape(title)}</summary><ul>{lines}</ul></details>"


def _policy(scripts: Sequence[str]) -> str:
    """Return a policy under which nothing is fetched and only the page's own scripts run."""
    digests = (hashlib.sha256(script.encode()).digest() for script in (SORT_SCRIPT, *scripts))
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    images = "data: blob:" if scripts else "data:"  # scripts may offer their drawing as a file
    return f"default-src 'none'; img-src {images}; style-src 'unsafe-inline'; script-src {allowed}"


def _image(image: bytes | str, alt: str) -> str:
    if isinstance(image, bytes) and image.startswith(_PNG_SIGNATURE):
        return f'<img alt="{escape(alt)}" src="data:image/png;base64,{base64.b64encode(image).decode()}">'
    if isinstance(image, str) and image.startswith("<svg"):
        return f'<div role="img" aria-label="{escape(alt)}">{image}</div>'
    if isinstance(image, str) and image.startswith("<?xml"):
        return f'<img alt="{escape(alt)}" src="data:image/svg+xml;base64,{base64.b64encode(image.encode()).decode()}">'
    raise ConfigError(f'figure "{alt}": found {image[:8]!r}..., expected the bytes of a PNG or the text of an SVG')


def _is_numeric(cells: Sequence[Cell]) -> bool:
    shown = [cell for cell in cells if cell is not None and cell != ""]
    return bool(shown) and all(not isinstance(cell, str) or _NUMBER.match(cell) for cell in shown)


def _class(is_number: bool) -> str:
    return ' class="number"' if is_number else ""


def _cell(cell: Cell, index: int, is_number: bool) -> str:
    number = cell.key if isinstance(cell, Value) else cell
    key = f' data-key="{float(number)!r}"' if isinstance(number, int | float) else ""
    if index == 0:
        return f'<th scope="row"{key}>{escape(_text(cell))}</th>'
    return f"<td{_class(is_number)}{key}>{escape(_text(cell))}</td>"


def _text(cell: Cell) -> str:
    if cell is None:
        return "\N{EN DASH}"
    if isinstance(cell, Value):
        return cell.text
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:,.4g}" if isinstance(cell, float) else cell
