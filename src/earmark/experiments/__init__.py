"""Experiments: a grid of models x training sizes x folds x seeds, resumable trial by trial, and its report."""

from __future__ import annotations

from earmark.experiments.curves import Findings, find
from earmark.experiments.plan import ExperimentConfig, ModelPlan, parse_plan, plan_of, read_plan
from earmark.experiments.report import Report, write_report
from earmark.experiments.results import ResultsStore
from earmark.experiments.run import ExperimentRunner
from earmark.experiments.status import Status, folder_status
from earmark.experiments.trial import Trial, TrialResult

__all__ = [
    "ExperimentConfig",
    "ExperimentRunner",
    "Findings",
    "ModelPlan",
    "Report",
    "ResultsStore",
    "Status",
    "Trial",
    "TrialResult",
    "find",
    "folder_status",
    "parse_plan",
    "plan_of",
    "read_plan",
    "write_report",
]
