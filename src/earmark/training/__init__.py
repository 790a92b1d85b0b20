"""Train recipes, search their options, measure them on unseen groups, make bundles."""

from earmark.training.crossval import HeldOut, calibrate_across_folds, score_held_out, thresholds_across_folds
from earmark.training.material import Material, fit_clips, prepare
from earmark.training.options import Mode, TrainingOptions
from earmark.training.package import measurements, save_trained
from earmark.training.rejection import add_rejection, fit_rejection, prepare_others, teach_rejection
from earmark.training.search import GridPoint, GridResult, search_grid
from earmark.training.train import Measured, Trained, train

__all__ = [
    "GridPoint",
    "GridResult",
    "HeldOut",
    "Material",
    "Measured",
    "Mode",
    "Trained",
    "TrainingOptions",
    "add_rejection",
    "calibrate_across_folds",
    "fit_clips",
    "fit_rejection",
    "measurements",
    "prepare",
    "prepare_others",
    "save_trained",
    "score_held_out",
    "search_grid",
    "teach_rejection",
    "thresholds_across_folds",
    "train",
]
