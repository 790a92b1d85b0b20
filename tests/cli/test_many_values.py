from __future__ import annotations

import pytest

from earmark.cli.many_values import repeat_flags, split_values

FLAGS = {"--models", "--sizes"}


@pytest.mark.parametrize(
    ("typed", "repeated"),
    [
        ("--models svm vgg --json", "--models svm --models vgg --json"),
        ("--models svm --models vgg", "--models svm --models vgg"),
        ("--models=svm vgg", "--models=svm --models vgg"),
        ("--models svm,vgg --name x", "--models svm,vgg --name x"),
        ("--sizes 0 10 -1 all", "--sizes 0 --sizes 10 --sizes -1 --sizes all"),
        ("plan.toml --models a b --sizes 1 2", "plan.toml --models a --models b --sizes 1 --sizes 2"),
        ("--models a b plan.toml", "--models a --models b plan.toml"),
        ("--models a results/plan.json", "--models a results/plan.json"),
        ("--name x plan.toml", "--name x plan.toml"),
        ("--models a -- b", "--models a -- b"),
        ("--models", "--models"),
        ("", ""),
    ],
)
def test_a_flag_is_repeated_before_each_of_its_values(typed: str, repeated: str) -> None:
    assert repeat_flags(typed.split(), FLAGS) == repeated.split()


def test_values_may_be_separated_by_commas_and_spaces() -> None:
    assert split_values(["svm,vgg", " resnet , ", "mn04"]) == ["svm", "vgg", "resnet", "mn04"]


def test_a_value_in_quotes_may_hold_commas() -> None:
    assert split_values(['"rooster, young"', 'dog, "frog, any", cat', ""]) == [
        "rooster, young",
        "dog",
        "frog, any",
        "cat",
    ]
