from __future__ import annotations

from earmark.distortion.corpus.render_pieces import _LISTERS
from earmark.distortion.corpus.sources import SOUNDFONTS, SOURCES, Source
from earmark.distortion.corpus.tracks import KINDS_OF_SOUND, ROLES

RESERVED = {"hyperrogue", "nexuiz", "tecnoballz", "planetblupi", "openttd"}


def parts_of(source: Source) -> set[str]:
    """Return what must not be shared between roles: packages, soundfonts, voices, kits, composers."""
    shared = {"hydrogen-drumkits"}  # its kits are told apart below
    parts = {f"package {package}" for package in source.packages if package not in shared}
    parts |= {f"soundfont {SOUNDFONTS[name][0]}" for name in source.soundfonts}
    if source.how in ("kit", "score", "flite", "espeak"):
        parts |= {f"{source.how} {part}" for part in source.pattern.split("|")}
    return parts


def test_no_package_soundfont_voice_kit_or_composer_is_in_two_roles() -> None:
    role_of: dict[str, str] = {}
    for source in SOURCES:
        for part in parts_of(source):
            assert role_of.setdefault(part, source.role) == source.role, part


def test_names_are_unique_and_every_row_is_of_a_known_role_kind_and_way() -> None:
    assert len({source.name for source in SOURCES}) == len(SOURCES)
    for source in SOURCES:
        assert source.role in ROLES
        assert source.kind in KINDS_OF_SOUND
        assert source.how in _LISTERS
        assert set(source.soundfonts) <= set(SOUNDFONTS)
        assert source.licence
        assert source.limit > 0


def test_packages_reserved_for_an_outside_check_are_used_for_nothing() -> None:
    for source in SOURCES:
        for word in RESERVED:
            assert word not in source.name
            assert not any(word in package for package in source.packages)


def test_a_soundfont_that_derives_from_another_is_not_taken_for_a_new_one() -> None:
    assert not any("musescore" in package for package, _ in SOUNDFONTS.values())


def test_every_role_has_enough_sources() -> None:
    count = {role: sum(source.role == role for source in SOURCES) for role in ROLES}
    assert count["pool"] >= 8
    assert count["calibrate"] >= 8
    assert count["test"] >= 8
    assert count["wild"] >= 1


def test_drum_kits_of_one_maker_are_in_one_role() -> None:
    roles = {source.role for source in SOURCES if source.how == "kit" and "Millo" in source.pattern}
    roles |= {source.role for source in SOURCES if source.how == "kit" and "Black Pearl" in source.pattern}
    roles |= {source.role for source in SOURCES if "pearl" in source.soundfonts}
    assert roles == {"test"}
