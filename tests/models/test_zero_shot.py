"""Zero-shot: which classes stand for a label, and scores that are theirs."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from earmark.core.errors import ConfigError, ModelError
from earmark.encoders.session import OnnxGraph
from earmark.models.bundle import check_parity
from earmark.models.calibrate import Calibration
from earmark.models.testing import ClassifierContract
from earmark.models.zero_shot import ZeroShot, match_classes, normalised
from earmark.models.zero_shot_names import SYNONYMS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earmark.data.dataset import Task
    from earmark.models.base import Classifier

AUDIOSET = ["Speech", "Dog", "Bark", "Fixed-wing aircraft, airplane", "Baby cry, infant cry", "Car alarm", "Alarm"]
BIRDNET = [
    "Canis latrans_Coyote",
    "Lithobates catesbeianus_American Bullfrog",
    "Coturnix coromandelica_Rain Quail",
    "Dog_Dog",
    "Human vocal_Human vocal",
    "Nucifraga columbiana_Clark's Nutcracker",
    "Larus argentatus_Herring Gull",
    "Larus canus_Common Gull",
]
# YAMNet's 521 classes are AudioSet's 527 without these (research/audioset/yamnet/yamnet_class_map.csv).
NOT_IN_YAMNET = {
    "Male speech, man speaking",
    "Female speech, woman speaking",
    "Battle cry",
    "Male singing",
    "Female singing",
    "Funny music",
}


def problem(task: Task) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return class scores float32 (90, 5) and the targets (90, 3) that they tell."""
    rng = np.random.default_rng(5)
    answers = np.eye(3)[np.arange(90) % 3] if task == "one" else rng.uniform(size=(90, 3)) > 0.5
    scores = rng.uniform(1e-6, 0.2, (90, 5))
    for label, column in enumerate((4, 0, 2)):
        scores[:, column] = np.where(answers[:, label] > 0, 0.6, 0.01) * rng.uniform(0.5, 1, 90)
    return scores.astype(np.float32), answers.astype(np.float32)


@pytest.mark.parametrize("task", ["one", "many"])
class TestContract(ClassifierContract):
    def build(self, task: Task) -> Classifier:
        return ZeroShot(task, columns=((1, 4), (0,), (3, 2, 3)))

    def fitted(self, task: Task) -> tuple[Classifier, NDArray[np.float32], NDArray[np.float32]]:
        features, targets = problem(task)
        classifier = self.build(task)
        classifier.fit(features, targets, np.random.default_rng(0))
        return classifier, features, targets

    def test_scores_rank_the_right_class(self, task: Task) -> None:
        self.check_scores_rank_the_right_class(task)

    def test_graph_equals_the_classifier(self, task: Task) -> None:
        self.check_graph_equals_the_classifier(task)

    def test_fit_is_repeatable(self, task: Task) -> None:
        self.check_fit_is_repeatable(task)

    def test_unfitted_is_refused(self, task: Task) -> None:
        self.check_unfitted_is_refused(task)


def test_the_probability_of_a_label_is_that_of_its_likeliest_class() -> None:
    features = np.array([[0.1, 0.7, 0.3], [1e-6, 1e-9, 1.0], [0.0, 0.5, 0.0]], dtype=np.float32)
    classifier = ZeroShot("many", ((0, 1), (2,)))
    classifier.fit(features[:0], np.zeros((0, 2), dtype=np.float32), np.random.default_rng(0))  # no clips: size 0
    calibration = Calibration.identity("many", classifier.score_kind, 2)
    expected = [[0.7, 0.3], [1e-6, 1.0], [0.5, 0.0]]
    np.testing.assert_allclose(calibration(classifier.scores(features)), expected, rtol=1e-4, atol=1e-9)


def test_scores_far_below_a_thousandth_still_rank() -> None:
    features = np.geomspace(1e-9, 1e-4, 20, dtype=np.float32)[:, np.newaxis]
    classifier = ZeroShot("many", ((0,),))
    classifier.fit(features, np.ones((20, 1), dtype=np.float32), np.random.default_rng(0))
    probabilities = Calibration.identity("many", classifier.score_kind, 1)(classifier.scores(features))
    assert (np.diff(probabilities[:, 0]) > 0).all()


def test_task_one_shares_the_probability_out_among_the_labels() -> None:
    features = np.array([[0.2, 0.6, 0.9]], dtype=np.float32)
    classifier = ZeroShot("one", ((0,), (1,)))
    classifier.fit(features, np.array([[1, 0]], dtype=np.float32), np.random.default_rng(0))
    probabilities = Calibration.identity("one", classifier.score_kind, 2)(classifier.scores(features))
    np.testing.assert_allclose(probabilities, [[0.25, 0.75]], rtol=1e-5)


@pytest.mark.parametrize("task", ["one", "many"])
def test_a_bundle_takes_the_graph(task: Task) -> None:
    features, targets = problem(task)
    features[:2] = [[0, 0, 0, 0, 0], [1, 1, 1, 1, 1]]
    classifier = ZeroShot(task, ((1, 4), (0,), (2,)))
    classifier.fit(features, targets, np.random.default_rng(0))
    graph = classifier.to_onnx()
    assert OnnxGraph(graph).input_shape == (None, 5)
    calibration = Calibration.identity(task, classifier.score_kind, 3)
    assert check_parity(classifier, graph, features, calibration).max_difference < 1e-4


@pytest.mark.parametrize(
    ("columns", "features", "targets", "message"),
    [
        (((0,), (5,)), (4, 5), (4, 2), r'column 5; give the frontend the option output="scores"'),
        (((0,), (-1,)), (4, 5), (4, 2), r"found features"),
        (((0,), (1,)), (4, 5, 2), (4, 2), r"found features \(4, 5, 2\)"),
        (((0,), (1,)), (4, 5), (4, 3), r"found targets \(4, 3\), expected 2 columns"),
    ],
)
def test_what_does_not_fit_is_refused(
    columns: tuple[tuple[int, ...], ...], features: tuple[int, ...], targets: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        ZeroShot("many", columns).fit(
            np.zeros(features, dtype=np.float32), np.zeros(targets, dtype=np.float32), np.random.default_rng(0)
        )


def test_features_of_another_width_are_refused_when_scoring() -> None:
    classifier = ZeroShot("many", ((0,),))
    classifier.fit(np.zeros((1, 3), dtype=np.float32), np.zeros((1, 1), dtype=np.float32), np.random.default_rng(0))
    with pytest.raises(ModelError, match=r"found features \(1, 4\), expected \(n_rows, 3\)"):
        classifier.scores(np.zeros((1, 4), dtype=np.float32))


@pytest.mark.parametrize("columns", [(), ((0,), ())])
def test_a_label_without_columns_is_refused(columns: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(ModelError, match="expected one or more for each label"):
        ZeroShot("many", columns)


def test_names_equal_but_for_case_and_punctuation_match() -> None:
    assert match_classes(["car_alarm", "ALARM"], AUDIOSET) == ((5,), (6,))
    assert match_classes(["clark_s_nutcracker", "Canis latrans"], BIRDNET) == ((5,), (0,))
    assert normalised("Clark's  Nutcracker") == normalised("clark_s_nutcracker")


def test_synonyms_of_the_table_stand_for_a_label() -> None:
    assert match_classes(["dog", "human_voice", "crying_baby"], AUDIOSET) == ((1, 2), (0,), (4,))
    assert match_classes(["coyote", "human voice", "dog"], BIRDNET) == ((0,), (4,), (3,))


def test_the_only_class_that_ends_with_the_label_is_meant() -> None:
    assert match_classes(["airplane", "infant cry"], AUDIOSET) == ((3,), (4,))
    assert match_classes(["herring_gull", "nutcracker"], BIRDNET) == ((6,), (5,))


def test_rain_is_no_rain_quail() -> None:
    with pytest.raises(ConfigError, match=r'"rain" is none of the encoder\'s 8 classes \(nearest: ".*Rain Quail"\)'):
        match_classes(["rain"], BIRDNET)


def test_an_ambiguous_label_names_the_classes_and_the_way_out() -> None:
    message = (
        r'"gull" could be several classes of the encoder \("Larus argentatus_Herring Gull", '
        r'"Larus canus_Common Gull"\); '
        r'say which stand for it: zero_shot = \{ "gull" = \["..."\] \}'
    )
    with pytest.raises(ConfigError, match=message):
        match_classes(["gull"], BIRDNET)
    many = [f"Genus species{number}_Number{number} Gull" for number in range(9)]
    with pytest.raises(ConfigError, match=r"species2_Number2 Gull\" and 6 more\)"):
        match_classes(["gull"], many)


def test_all_labels_without_a_class_are_told_at_once() -> None:
    with pytest.raises(
        ConfigError, match=r'"can opening" is none.*; "cryng baby" is none.*nearest: "Baby cry, infant cry"'
    ):
        match_classes(["can opening", "dog", "cryng baby", ""], AUDIOSET)


def test_what_is_given_wins_over_everything() -> None:
    given = {"dog": ["Speech"], "gull": ("Larus canus", "herring gull", "Larus canus_Common Gull")}
    assert match_classes(["dog"], AUDIOSET, {"dog": ["Speech"]}) == ((0,),)
    assert match_classes(["gull"], BIRDNET, {"gull": given["gull"]}) == ((7, 6),)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dog": ["Barks"]}, r'class "Barks" for "dog" is not one of the encoder\'s; did you mean "Bark"\?'),
        ({"dog": ["Zyx"]}, r'class "Zyx" for "dog" is not one of the encoder\'s \(there are 7\)'),
        ({"dog": []}, r'no classes are given for "dog"'),
        ({"dig": ["Dog"]}, r'"dig" is not a label; did you mean "dog"\?'),
    ],
)
def test_given_names_that_do_not_exist_are_refused(given: dict[str, list[str]], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        match_classes(["dog"], AUDIOSET, given)


def test_synonyms_are_written_as_they_are_looked_up() -> None:
    for label, names in SYNONYMS.items():
        assert normalised(label) == label
        assert names
        assert len(set(names)) == len(names), label


def audioset_names() -> list[str]:
    folder = os.environ.get("EARMARK_WEIGHTS_DIR", "")
    path = Path(folder) / "audioset_class_labels_indices.csv"
    if not folder or not path.is_file():
        pytest.skip(f"no audioset_class_labels_indices.csv under EARMARK_WEIGHTS_DIR ({folder or 'not set'})")
    with path.open(encoding="utf-8", newline="") as file:
        return [row["display_name"] for row in csv.DictReader(file)]


@pytest.mark.real
def test_every_synonym_is_a_class_of_audioset_or_birdnet() -> None:
    from earmark.encoders.weights import weights_at_hand

    audioset = set(audioset_names())
    path = weights_at_hand("birdnet_labels")
    if path is None:
        pytest.skip("no BirdNET labels: earmark weights fetch birdnet_labels")
    birdnet = {half for line in path.read_text(encoding="utf-8").splitlines() for half in line.split("_")}
    unknown = {name for names in SYNONYMS.values() for name in names} - audioset - birdnet
    assert not unknown


@pytest.mark.real
def test_labels_of_the_table_match_audioset_and_yamnet_alike() -> None:
    audioset = audioset_names()
    yamnet = [name for name in audioset if name not in NOT_IN_YAMNET]
    assert (len(audioset), len(yamnet)) == (527, 521)
    assert not NOT_IN_YAMNET & {name for names in SYNONYMS.values() for name in names}
    for label, names in SYNONYMS.items():
        in_audioset = [audioset[place] for place in match_classes([label], audioset)[0]]
        assert in_audioset == [name for name in names if name in set(audioset)], label
        assert [yamnet[place] for place in match_classes([label], yamnet)[0]] == in_audioset


@pytest.mark.real
def test_the_labels_of_esc50_match_audioset(esc50_dir: Path) -> None:
    audioset = audioset_names()
    with (esc50_dir / "clips.csv").open(encoding="utf-8", newline="") as file:
        labels = sorted({row["label"] for row in csv.DictReader(file)})
    # AudioSet has no such sounds.
    labels = [label for label in labels if label not in ("can_opening", "drinking_sipping", "washing_machine")]
    assert len(match_classes(labels, audioset)) == 47
