"""Everything a user can say is documented, and the documentation says nothing that does not exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

import earmark
from earmark.core.settings import Settings, variables
from earmark.models.table import RECIPES

if TYPE_CHECKING:
    from tests.docs.conftest import Command, Page

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


def page_text(name: str) -> str:
    path = ROOT / name
    if not path.is_file():
        pytest.fail(f"{name} is missing")
    return path.read_text(encoding="utf-8")


def has_word(word: str, text: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


def slugs(text: str) -> set[str]:
    """Return the anchors that a Markdown page's headings make on GitHub."""
    headings = re.findall(r"^#{1,6}\s+(.+?)\s*#*$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_command_is_documented(command: Command, all_pages: list[Page]) -> None:
    assert any(has_word(command.path, page.text) for page in all_pages), f'no page mentions "{command.path}"'


def test_every_option_is_documented_beside_its_command(
    command: Command, option: list[str], all_pages: list[Page]
) -> None:
    beside = [page for page in all_pages if has_word(command.path, page.text)]
    told = any(has_word(spelling, page.text) for page in beside for spelling in option)
    assert told, f'no page that mentions "{command.path}" explains {option[0]}'


def test_every_command_that_a_page_shows_exists(page: Page, tree: Command) -> None:
    from tests.docs.conftest import calls_of_earmark

    shown = [
        (line, command) for block in page.blocks if block.language == "console" for line, command, _ in block.commands
    ]
    shown += [(0, code) for code in INLINE.findall(page.prose) if code.startswith("earmark ")]
    wrong = [
        f"{page.name}:{line or ''}: {command}: {complaint}"
        for line, command in shown
        for words in calls_of_earmark(command)
        for complaint in tree.complaints(words)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_option_that_a_page_mentions_exists(page: Page, tree: Command) -> None:
    if page.path.name == "contributing.md":  # speaks of the options of other tools
        return
    known = {spelling for command in tree.walk() for spelling in command.options}
    mentioned = {code.split()[0].partition("=")[0] for code in INLINE.findall(page.prose) if code.startswith("--")}
    assert mentioned <= known, f"{page.name}: no command has {sorted(mentioned - known)}"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_has_a_row_with_its_variables_and_default(name: str) -> None:
    rows = [
        row
        for row in page_text("docs/settings.md").splitlines()
        if row.startswith("|") and f"`{variables(name)[0]}`" in row
    ]
    assert len(rows) == 1, f"docs/settings.md has {len(rows)} rows for {variables(name)[0]}, expected 1"
    assert all(f"`{variable}`" in rows[0] for variable in variables(name))
    default = Settings.model_fields[name].default
    if isinstance(default, int | str) and not isinstance(default, bool):
        assert f"`{default}`" in rows[0]


def test_no_row_speaks_of_a_setting_that_is_gone() -> None:
    known = {variable for name in Settings.model_fields for variable in variables(name)}
    assert set(re.findall(r"`(EARMARK_\w+)`", page_text("docs/settings.md"))) <= known


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_is_documented(name: str) -> None:
    assert f"`{name}`" in page_text("docs/models.md"), f"docs/models.md does not mention `{name}`"


def test_every_link_between_pages_leads_somewhere(page: Page) -> None:
    broken = []
    for target in LINK.findall(page.prose):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, _, anchor = unquote(target).partition("#")
        goal = (page.path.parent / name) if name else page.path
        if not goal.exists():
            broken.append(f"{target}: no such file")
        elif anchor and goal.suffix == ".md" and anchor not in slugs(goal.read_text(encoding="utf-8")):
            broken.append(f"{target}: no such heading")
    assert not broken, f"{page.name}: " + "; ".join(broken)


def test_every_page_can_be_reached_from_the_readme(all_pages: list[Page]) -> None:
    by_path = {page.path.resolve(): page for page in all_pages}
    reached = {(ROOT / "README.md").resolve()}
    waiting = list(reached)
    while waiting:
        page = by_path[waiting.pop()]
        goals = {(page.path.parent / target.partition("#")[0]).resolve() for target in LINK.findall(page.prose)}
        new = (goals & set(by_path)) - reached
        reached |= new
        waiting += new
    lost = [page.name for path, page in by_path.items() if path not in reached]
    assert not lost, f"no link leads to {', '.join(lost)}"


def test_the_changelog_begins_with_this_version() -> None:
    headings = re.findall(r"^## \[?([^\]\s]+)", page_text("CHANGELOG.md"), flags=re.MULTILINE)
    assert headings, "CHANGELOG.md has no section"
    assert headings[0] in ("Unreleased", earmark.__version__)
