"""What others have put beside our objects: it is listed as it is named, can be deleted, and is in nobody's way."""

import os
from io import BytesIO
from pathlib import Path

import pytest
from minio import Minio

from infra.content.directory import DirectoryStore
from infra.content.s3 import S3Store
from infra.content.upload_table import remove

KEY = "tenant/asset/1"
FOREIGN = [f"{KEY}.embedded (copy).json", "tenant/asset/ä b+%2e&=.txt", "tenant/Thumbs.db~"]


def test_what_is_foreign_in_a_directory_is_listed_and_deleted(directory: DirectoryStore) -> None:
    directory.write(KEY, [b"ours"])
    undecodable = os.fsdecode(b"tenant/asset/\xff\n.txt")
    foreign = [*FOREIGN, undecodable, f"tenant/{'x' * 255}/{'y' * 255}/{'z' * 255}/{'a' * 255}"]
    for key in foreign:
        path = directory._objects / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"theirs")
    listed = dict(directory.objects("tenant/"))
    assert listed.keys() == {KEY, *foreign}
    assert {stat.size for key, stat in listed.items() if key != KEY} == {len(b"theirs")}
    for key in foreign:
        directory.delete(key)
    assert [key for key, _ in directory.objects()] == [KEY]


def test_what_is_foreign_in_a_bucket_is_listed_and_deleted(s3: S3Store, client: Minio, bucket: str) -> None:
    s3.write(KEY, [b"ours"])
    for key in FOREIGN:
        client.put_object(bucket, f"some/prefix/{key}", BytesIO(b"theirs"), 6)
    client.put_object(bucket, "some/other", BytesIO(b"theirs"), 6)
    assert {key for key, _ in s3.objects("tenant/")} == {KEY, *FOREIGN}
    for key in FOREIGN:
        s3.delete(key)
    names = {entry.object_name for entry in client.list_objects(bucket, recursive=True)}
    assert names == {f"some/prefix/{KEY}", "some/other"}


def test_what_is_foreign_beside_an_object_goes_with_it(directory: DirectoryStore) -> None:
    directory.write(KEY, [b"ours"])
    (directory._objects / FOREIGN[0]).write_bytes(b"theirs")
    remove(directory, KEY)
    assert list(directory.objects()) == []


@pytest.mark.parametrize("target", ["outside", "nowhere"])
def test_a_link_leads_nobody_out_of_a_directory(directory: DirectoryStore, tmp_path: Path, target: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(b"theirs")
    directory.write(KEY, [b"ours"])
    (directory._objects / "tenant" / "link").symlink_to(tmp_path / target)
    assert [key for key, _ in directory.objects("tenant/")] == [KEY]
    directory.delete("tenant/link")
    assert (tmp_path / "outside" / "file").read_bytes() == b"theirs"
