"""Labelled clips: read from anywhere, grouped, split without leaks, written back."""

from earmark.data.clip import Clip
from earmark.data.corpora import CORPORA, corpus, digits
from earmark.data.dataset import Dataset, Task
from earmark.data.loading import load_dataset
from earmark.data.manifest_writer import write_manifest
from earmark.data.options import LoadOptions
from earmark.data.split import (
    Fold,
    check_leaks,
    given_folds,
    grouped_folds,
    grouped_parts,
    leave_one_group_out,
    make_folds,
)
from earmark.data.subsets import Subset, nested_subsets

__all__ = [
    "CORPORA",
    "Clip",
    "Dataset",
    "Fold",
    "LoadOptions",
    "Subset",
    "Task",
    "check_leaks",
    "corpus",
    "digits",
    "given_folds",
    "grouped_folds",
    "grouped_parts",
    "leave_one_group_out",
    "load_dataset",
    "make_folds",
    "nested_subsets",
    "write_manifest",
]
