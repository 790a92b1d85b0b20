"""The literal tables: every frontend and every recipe that comes with earmark, one line of reasons where one is due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from earmark.models.base import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable

    from earmark.features.base import Frontend

FRONTENDS: dict[str, Callable[..., Frontend] | str] = {
    "mfcc": "earmark.features.mfcc:mfcc",
    "logmel": "earmark.features.logmel:log_mel",
    "level": "earmark.features.base:LevelFrontend",
    "speech_embedding": "earmark.encoders.speech:speech_embedding",
    "waveform": "earmark.features.waveform:waveform",
    "birdnet": "earmark.encoders.birdnet:birdnet",
    "perch": "earmark.encoders.perch:perch",
    "panns_cnn14": "earmark.encoders.panns:cnn14",
    "panns_cnn10": "earmark.encoders.panns:cnn10",
    "panns_cnn6": "earmark.encoders.panns:cnn6",
    "panns_mobilenetv1": "earmark.encoders.panns:mobilenetv1",
    "mn04": "earmark.encoders.efficientat:mn04",
    "mn10": "earmark.encoders.efficientat:mn10",
    "yamnet": "earmark.encoders.yamnet:yamnet",
    "wav2vec2": "earmark.encoders.wav2vec2:wav2vec2",
    "hubert": "earmark.encoders.wav2vec2:hubert",
    "wavlm": "earmark.encoders.wav2vec2:wavlm",
}

_CLASSICAL = "earmark.models.classical"
_NETWORK = "earmark.models.network"
_TRANSFORMERS = (("wav2vec2", "wav2vec 2.0"), ("hubert", "HuBERT"), ("wavlm", "WavLM"))
_HEAD = "earmark.models.heads:Head"
_HEAD_GRID: dict[str, tuple[Any, ...]] = {"C": (0.001, 0.01, 0.1, 1.0)}

# Of the settings tried on FSDD this one carries furthest to other speakers: few coefficients, the mean of the
# microphone taken out, the word stretched to one length (svm 0.79; they were chosen on those
# very speakers, so expect somewhat less on others).
_SHORT_SOUND_MFCC = {
    "n_mfcc": 13,
    "deltas": 1,
    "frame_hop_samples": 128,
    "pooling": "length_normalised",
    "n_frames": 20,
    "normalisation": "mean",
    "active_range_db": 30.0,
}


def _image(n_bands: int, fft_samples: int, frame_hop_samples: int) -> dict[str, Any]:
    """Return the options of a log-mel spectrogram of `n_bands` x `n_bands` over 5 s.

    5.02 s, not 5: clips of "5 s" are often a few samples longer and would get a second, silent window.
    """
    window = {"rate_hz": 16000, "window_s": 5.02, "hop_s": 2.51, "fmin_hz": 50.0}
    return window | {
        "n_mels": n_bands,
        "n_frames": n_bands,
        "fft_samples": fft_samples,
        "frame_hop_samples": frame_hop_samples,
    }


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "random_forest",
            "Random forest on the mean and spread of MFCCs",
            frontend="mfcc",
            classifier=f"{_CLASSICAL}:RandomForest",
            frontend_options={"pooling": "mean_std"},
            grid={"n_trees": (300,), "max_depth": (None, 16), "min_leaf": (1, 3)},
        ),
        Recipe(
            "svm",
            "Support vector machine on length-normalised MFCCs",
            frontend="mfcc",
            classifier=f"{_CLASSICAL}:SupportVectorMachine",
            frontend_options=_SHORT_SOUND_MFCC,
            classifier_options={"n_components": 128},
            grid={"C": (1.0, 10.0, 100.0), "gamma": ("scale", 0.002, 0.01)},
        ),
        Recipe(
            "logistic_regression",
            "Logistic regression on length-normalised MFCCs",
            frontend="mfcc",
            classifier=f"{_CLASSICAL}:LogisticRegression",
            frontend_options=_SHORT_SOUND_MFCC,
            classifier_options={"C": 0.003},
            grid={"C": (0.0003, 0.003, 0.03, 0.3)},
        ),
        Recipe(
            "speech_embedding",
            "Logistic regression on Google's speech embedding",
            frontend="speech_embedding",
            classifier=f"{_CLASSICAL}:LogisticRegression",
            classifier_options={"C": 0.01},
            grid={"C": (0.0003, 0.001, 0.01, 0.1)},
            weights=("speech_embedding",),
        ),
        Recipe(
            "vgg",
            "Plain convolutional network on a 128 x 128 log-mel spectrogram",
            frontend="logmel",
            classifier=f"{_NETWORK}:vgg",
            frontend_options=_image(128, 1024, 632),
            grid={"learning_rate": (0.001, 0.003), "width": (16, 32)},
        ),
        Recipe(
            "mobilenet",
            "Depthwise separable network on a 224 x 224 log-mel spectrogram",
            frontend="logmel",
            classifier=f"{_NETWORK}:mobilenet",
            frontend_options=_image(224, 2048, 360),
            grid={"learning_rate": (0.003, 0.006), "width": (0.25, 0.5)},
        ),
        Recipe(
            "resnet",
            "Residual network on a 224 x 224 log-mel spectrogram",
            frontend="logmel",
            classifier=f"{_NETWORK}:resnet",
            frontend_options=_image(224, 2048, 360),
            grid={"learning_rate": (0.001, 0.003), "blocks": (1, 2)},
        ),
        Recipe(
            "cs230_cnn",
            "Digit network on MFCC and deltas",
            frontend="mfcc",
            classifier=f"{_NETWORK}:cs230_cnn",
            frontend_options={
                "n_mfcc": 13,
                "deltas": 2,
                "window_s": 1.0,
                "pooling": "pad",
                "normalisation": "mean",
                "active_range_db": 30.0,
            },
            grid={"learning_rate": (0.0003, 0.001, 0.003)},
        ),
        Recipe(
            "birdnet",
            "Logistic head on BirdNET 2.4; scores its own 6,522 species without training",
            frontend="birdnet",
            classifier=_HEAD,
            grid=_HEAD_GRID,
            weights=("birdnet", "birdnet_labels"),
            zero_shot=True,
        ),
        Recipe(
            "perch",
            "Logistic head on Perch 2; scores its own 14,795 classes without training",
            frontend="perch",
            classifier=_HEAD,
            grid=_HEAD_GRID,
            weights=("perch", "perch_labels"),
            zero_shot=True,
        ),
        *(
            Recipe(
                f"panns_{name.lower()}",
                f"Logistic head on PANNs {name}; scores AudioSet's 527 classes without training",
                frontend=f"panns_{name.lower()}",
                classifier=_HEAD,
                grid=_HEAD_GRID,
                weights=(f"panns_{name.lower()}", "audioset_labels"),
                zero_shot=True,
            )
            for name in ("Cnn14", "Cnn10", "Cnn6", "MobileNetV1")
        ),
        *(
            Recipe(
                name,
                f"Logistic head on EfficientAT {name}; scores AudioSet's 527 classes without training",
                frontend=name,
                classifier=_HEAD,
                frontend_options={"layers": "many"},
                classifier_options={"C": 0.03},
                grid=_HEAD_GRID,
                weights=(name, "audioset_labels"),
                zero_shot=True,
            )
            for name in ("mn04", "mn10")
        ),
        Recipe(
            "yamnet",
            "Logistic head on YAMNet; scores 521 classes of AudioSet without training",
            frontend="yamnet",
            classifier=_HEAD,
            grid=_HEAD_GRID,
            weights=("yamnet", "audioset_labels"),
            zero_shot=True,
        ),
        *(
            Recipe(
                name,
                f"{title}, fine-tuned",
                frontend="waveform",
                classifier="earmark.models.finetune:fine_tuned",
                classifier_options={"architecture": name},
                grid={"learning_rate": (1e-5, 3e-5, 1e-4)},
            )
            for name, title in _TRANSFORMERS
        ),
        *(
            Recipe(
                f"{name}_frozen",
                f"Logistic head on {title}",
                frontend=name,
                classifier=_HEAD,
                grid=_HEAD_GRID,
            )
            for name, title in _TRANSFORMERS
        ),
        Recipe(
            "level",
            "Logistic regression on loudness alone: the fake that any real model must beat",
            frontend="level",
            classifier=f"{_CLASSICAL}:LogisticRegression",
        ),
    )
}
