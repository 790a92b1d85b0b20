"""What the page of a catalogue adds to the house's pages: its style, its filter, bars of severity."""

from __future__ import annotations

from earmark.core.page import escape
from earmark.distortion.check.picture import COLOURS
from earmark.distortion.words import share

STYLE = """<style>
body{max-width:76rem}
table{width:100%}th,td{padding:.4rem .6rem}
.bar{display:inline-block;vertical-align:middle;width:4.5rem;height:.55rem;margin-right:.5rem;border-radius:.3rem;
background:var(--line);overflow:hidden}
.bar i{display:block;height:100%;border-radius:.3rem}
.share{display:flex;height:1.1rem;border-radius:.35rem;overflow:hidden;margin:1rem 0 .5rem;background:var(--line)}
.share i{display:block;height:100%;min-width:3px}
.key{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin:0 0 1rem;padding:0;list-style:none;font-size:.93rem}
.key b{display:inline-block;width:.75rem;height:.75rem;border-radius:.2rem;margin-right:.4rem}
.tag{display:inline-flex;align-items:center;margin:.15rem 1.25rem .15rem 0;font-size:.93rem;white-space:nowrap}
.card{border:1px solid var(--line);border-radius:.5rem;padding:.25rem 1.1rem .9rem;margin:1.25rem 0;
break-inside:avoid}
.card h3{margin:.8rem 0 .2rem}
.card .meta{color:var(--soft);font-size:.9rem;margin:0 0 .4rem}
.card ol{margin:.5rem 0 0;padding-left:1.4rem;max-width:50rem}
.card ol li{margin:.2rem 0}
.card svg{display:block;width:100%;height:auto;margin:.4rem 0}
svg .mark{stroke:var(--soft)}svg .dot{fill:var(--ink)}svg .count{fill:var(--paper);font:600 10px system-ui,sans-serif}
.filter{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem;margin:1rem 0;padding:0;border:0}
.filter legend{float:left;color:var(--soft);margin-right:.5rem}
.filter button{font:inherit;font-size:.93rem;padding:.2rem .75rem;border-radius:1rem;border:1px solid var(--line);
background:var(--paper);color:var(--ink);cursor:pointer}
.filter button[aria-pressed=true]{background:var(--accent);border-color:var(--accent);color:var(--paper)}
.filter output{color:var(--soft);font-size:.93rem}
td.fault{white-space:nowrap}td.path,tbody th{overflow-wrap:anywhere}tbody th{min-width:14rem;font-weight:500}
.tall{max-height:46rem;overflow:auto}.tall thead th{position:sticky;top:0;background:var(--paper)}
@media print{.tall{max-height:none}}
[hidden]{display:none!important}
</style>"""

# Made here, so that a reader without scripts sees no dead control. Several types chosen: files with any of them.
FILTER_SCRIPT = """
const place=document.getElementById("filter"),chosen=new Set();
if(place){const field=document.createElement("fieldset"),legend=document.createElement("legend"),
told=document.createElement("output");field.className="filter";legend.textContent="Show only";field.append(legend);
const items=[...document.querySelectorAll("[data-types]")];
const apply=()=>{for(const item of items)
item.hidden=chosen.size>0&&!item.dataset.types.split(" ").some(type=>chosen.has(type));
const rows=items.filter(item=>item.tagName==="TR"),shown=rows.filter(row=>!row.hidden).length;
told.textContent=chosen.size?shown+" of "+rows.length+" files":""};
for(const type of place.dataset.choices.split(" ")){const button=document.createElement("button");
button.type="button";button.textContent=type;button.setAttribute("aria-pressed","false");
button.onclick=()=>{chosen.has(type)?chosen.delete(type):chosen.add(type);
button.setAttribute("aria-pressed",String(chosen.has(type)));apply()};field.append(button)}
field.append(told);told.setAttribute("aria-live","polite");place.append(field)}
"""


def bar(kind: str, severity: float) -> str:
    """Return a bar of severity with its number."""
    return (
        f'<span class="bar" aria-hidden="true"><i style="width:{100 * severity:.0f}%;background:{COLOURS[kind]}"></i>'
        f"</span>{share(severity)}"
    )


def tag(kind: str, severity: float) -> str:
    """Return a type with its bar."""
    return f'<span class="tag">{kind}&nbsp;&nbsp;{bar(kind, severity)}</span>'


def shares(parts: list[tuple[str, int, str]]) -> str:
    """Return one bar of several parts, each a name, a number and a colour, with its key; empty parts are left out."""
    there = [part for part in parts if part[1]]
    total = sum(number for _, number, _ in there) or 1
    pieces = "".join(
        f'<i style="width:{100 * number / total:.2f}%;background:{colour}"></i>' for _, number, colour in there
    )
    key = "".join(
        f'<li><b style="background:{colour}"></b>{escape(name)}: {number:,}</li>' for name, number, colour in there
    )
    return f'<div class="share" aria-hidden="true">{pieces}</div><ul class="key">{key}</ul>'
