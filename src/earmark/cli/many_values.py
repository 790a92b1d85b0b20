"""Options that take several values after one flag: ``--models svm vgg`` as well as ``--models svm --models vgg``."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

FILES = (".toml", ".json")  # such a word is the command's file, never a value behind the first


class ManyValues(TyperCommand):
    """A command whose list options take values up to the next flag."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the flag before each of its values, then parse as ever."""
        lists = [parameter for parameter in self.params if getattr(parameter, "multiple", False)]
        return super().parse_args(ctx, repeat_flags(args, {name for each in lists for name in each.opts}))


def repeat_flags(arguments: Sequence[str], flags: Collection[str]) -> list[str]:
    """Return the arguments with each of these flags repeated before every value that follows it.

    Example:
        >>> repeat_flags(["plan.toml", "--models", "svm", "vgg", "--json"], {"--models"})
        ['plan.toml', '--models', 'svm', '--models', 'vgg', '--json']
    """
    found: list[str] = []
    flag, has_value = "", False
    for position, word in enumerate(arguments):
        if word == "--":
            return found + list(arguments[position:])
        if word.startswith("-") and not word[1:].isdecimal():
            name, equals, _ = word.partition("=")
            flag, has_value = (name if name in flags else ""), bool(equals)
            found.append(word)
        elif flag and has_value and word.endswith(FILES):
            flag = ""
            found.append(word)
        else:
            found += [flag, word] if flag and has_value else [word]
            has_value = True
    return found


def split_values(texts: Sequence[str]) -> list[str]:
    """Return the values in texts that may hold several, separated by commas; one in double quotes may hold commas.

    Example:
        >>> split_values(["dog, frog", '"rooster, young"'])
        ['dog', 'frog', 'rooster, young']
    """
    values = [value for text in texts for line in csv.reader([text], skipinitialspace=True) for value in line]
    return [value.strip() for value in values if value.strip()]
