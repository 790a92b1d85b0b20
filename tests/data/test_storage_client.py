"""A bucket is listed, looked at, fetched from and written to; what arrives is checked."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from earmark.core.errors import DataError, StoreError
from earmark.data import storage_client, storage_faults
from earmark.data.storage_client import ObjectStore, RemoteObject, is_address
from earmark.data.storage_faults import StorageError
from tests.storage_servers import memory, use_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(storage_faults, "FIRST_PAUSE_S", 0.001)
    use_environment(monkeypatch, EARMARK_STORAGE_RETRIES="1")
    with memory() as system:
        system.pipe("/bucket/dog/a.wav", b"woof")
        system.pipe("/bucket/dog/deep/b.wav", b"wow")
        system.pipe("/bucket/dogs/c.wav", b"yap")
        yield system


@pytest.mark.parametrize("source", ["gs://bucket/x", "s3://b", "memory://a/b", "gs://"])
def test_an_address_has_a_scheme(source: str) -> None:
    assert is_address(source)


@pytest.mark.parametrize("source", ["hf:owner/name", "folder/clips.csv", "C:\\audio", "soundhub:coyote", "//host/x"])
def test_other_sources_are_no_addresses(source: str) -> None:
    assert not is_address(source)


@pytest.mark.parametrize("address", ["gs://", "memory:///", "somewhere"])
def test_an_address_without_a_bucket_is_refused(address: str) -> None:
    with pytest.raises(DataError, match="names no bucket; expected an address such as gs://"):
        ObjectStore(address)


def test_what_lies_below_a_path_is_listed_in_order(bucket: Any) -> None:
    store = ObjectStore("memory://bucket/dog/")
    assert [(item.path, item.size_bytes) for item in store.list_objects()] == [
        ("bucket/dog/a.wav", 4),
        ("bucket/dog/deep/b.wav", 3),
    ]
    assert [item.path for item in store.list_objects("bucket/dogs")] == ["bucket/dogs/c.wav"]
    assert store.list_objects("bucket/cow") == []


def test_an_object_is_below_itself(bucket: Any) -> None:
    assert [item.path for item in ObjectStore("memory://bucket/dog/a.wav").list_objects()] == ["bucket/dog/a.wav"]


def test_names_directly_below_a_path_are_told_or_none(bucket: Any) -> None:
    store = ObjectStore("memory://bucket/x")
    assert store.list_names("bucket") == ["dog", "dogs"]
    assert store.list_names("nowhere/at/all") == []


def test_an_object_is_fetched_whole(bucket: Any, tmp_path: Path) -> None:
    store = ObjectStore("memory://bucket/dog")
    item = store.look_at("bucket/dog/a.wav")
    assert store.fetch(item, tmp_path / "deep" / "a.wav") == item
    assert (tmp_path / "deep" / "a.wav").read_bytes() == b"woof"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.wav"]
    assert store.read("bucket/dog/a.wav") == b"woof"


def test_a_version_changes_with_the_content(bucket: Any) -> None:
    store = ObjectStore("memory://bucket/dog")
    before = store.look_at("bucket/dog/a.wav")
    bucket.pipe("/bucket/dog/a.wav", b"WOOF")
    assert store.look_at("bucket/dog/a.wav").version != before.version


@pytest.mark.parametrize("name", ["look_at", "read"])
def test_what_is_not_there_is_named(bucket: Any, name: str) -> None:
    with pytest.raises(StorageError, match=r"^memory://bucket/cow: is not there$") as caught:
        getattr(ObjectStore("memory://bucket"), name)("bucket/cow")
    assert caught.value.kind == "missing"


def test_a_folder_is_no_object(bucket: Any) -> None:
    with pytest.raises(StorageError, match="memory://bucket/dog: is a folder"):
        ObjectStore("memory://bucket").look_at("bucket/dog")


def test_an_object_that_changed_since_it_was_listed_is_taken_as_it_is_now(bucket: Any, tmp_path: Path) -> None:
    store = ObjectStore("memory://bucket")
    listed = store.look_at("bucket/dog/a.wav")
    bucket.pipe("/bucket/dog/a.wav", b"a longer woof")
    found = store.fetch(listed, tmp_path / "a.wav")
    assert found == store.look_at("bucket/dog/a.wav") != listed
    assert (tmp_path / "a.wav").read_bytes() == b"a longer woof"


def facts_with(**values: object) -> RemoteObject:
    return RemoteObject.of("bucket/dog/a.wav", {"size": 4, **values})


def test_checksums_of_google_and_amazon_are_understood() -> None:
    digest = hashlib.md5(b"woof", usedforsecurity=False)
    google = facts_with(md5Hash=base64.b64encode(digest.digest()).decode(), generation="17", etag="CJ")
    amazon = facts_with(ETag=f'"{digest.hexdigest()}"')
    assert (google.md5, google.version) == (digest.hexdigest(), "17")
    assert (amazon.md5, amazon.version) == (digest.hexdigest(), f'"{digest.hexdigest()}"')
    assert facts_with(ETag='"d41d8cd98f00b204e9800998ecf8427e-3"').md5 is None  # of several parts
    assert facts_with().version == ""


@pytest.mark.parametrize("crc32c_is_right", [True, False])
def test_crc32c_counts_where_there_is_no_md5(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crc32c_is_right: bool
) -> None:
    google_crc32c: Any = pytest.importorskip("google_crc32c")
    right = base64.b64encode(google_crc32c.Checksum(b"woof").digest()).decode()
    item = facts_with(crc32c=right if crc32c_is_right else "AAAAAA==")
    store = ObjectStore("memory://bucket")
    monkeypatch.setattr(store, "_look_again", lambda *_: item)
    if crc32c_is_right:
        assert store.fetch(item, tmp_path / "a.wav") == item
    else:
        with pytest.raises(StorageError, match=r"a\.wav: arrives damaged \(its CRC32C is .*, expected AAAAAA=="):
            store.fetch(item, tmp_path / "a.wav")
        assert list(tmp_path.iterdir()) == []


def test_without_the_package_for_crc32c_the_size_has_to_do(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "google_crc32c", None)
    store = ObjectStore("memory://bucket")
    assert store.fetch(facts_with(crc32c="AAAAAA=="), tmp_path / "a.wav").size_bytes == 4


def test_an_etag_that_is_no_md5_is_not_held_against_an_object(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = '"d41d8cd98f00b204e9800998ecf8427e"'

    class Encrypted:
        """Objects under a key of the customer's, as S3 shows them."""

        anon = False

        def get_file(self, name: str, target: str) -> None:
            bucket.get_file("/" + name, target)

        def info(self, name: str) -> dict[str, object]:
            return {"size": 4, "ETag": wrong}

        def call_s3(self, method: str, **where: str) -> dict[str, str]:
            assert (method, where) == ("head_object", {"Bucket": "bucket", "Key": "dog/a.wav"})
            return {"ServerSideEncryption": "aws:kms"}

    monkeypatch.setattr(storage_client, "filesystem", lambda scheme: Encrypted())
    found = ObjectStore("s3://bucket").fetch(facts_with(ETag=wrong), tmp_path / "a.wav")
    assert (found.md5, (tmp_path / "a.wav").read_bytes()) == (None, b"woof")


def test_an_object_that_changes_its_bytes_on_the_way_is_refused(bucket: Any, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="Content-Encoding gzip, so that its checksum says nothing"):
        ObjectStore("memory://bucket").fetch(facts_with(contentEncoding="gzip"), tmp_path / "a.wav")


def test_a_cache_that_cannot_be_written_is_not_taken_for_the_network(bucket: Any, tmp_path: Path) -> None:
    store = ObjectStore("memory://bucket")
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(StoreError, match=r"file/a\.wav: cannot be written"):
        store.fetch(store.look_at("bucket/dog/a.wav"), tmp_path / "file" / "a.wav")


def test_a_file_is_sent(bucket: Any, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_bytes(b"{}")
    ObjectStore("memory://bucket").send(tmp_path / "r.json", "bucket/results/r.json")
    assert bucket.cat("/bucket/results/r.json") == b"{}"


def test_an_object_is_removed_once(bucket: Any) -> None:
    store = ObjectStore("memory://bucket/dog/a.wav")
    assert store.remove(store.path)
    assert not store.remove(store.path)
    assert store.list_objects() == []


def test_a_folder_of_this_machine_is_storage_too(tmp_path: Path) -> None:
    (tmp_path / "here.json").write_bytes(b"{}")
    store = ObjectStore(f"file://{tmp_path}/out")
    store.send(tmp_path / "here.json", f"{store.path}/deep/r.json")
    assert (tmp_path / "out" / "deep" / "r.json").read_bytes() == b"{}"
    assert [store.address(item.path) for item in store.list_objects()] == [f"file://{tmp_path}/out/deep/r.json"]


def test_offline_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    use_environment(monkeypatch, EARMARK_OFFLINE="1")
    with pytest.raises(StorageError, match=r"^gs://bucket/x: EARMARK_OFFLINE forbids"):
        ObjectStore("gs://bucket/x").list_objects()
