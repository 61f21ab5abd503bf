"""The content store in a directory: what is in its files, and what happens when others work in them too."""

import os
import resource
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import repeat
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from api.composition import utc_now
from infra.content.directory import DirectoryStore
from infra.content.factory import open_store
from infra.content.s3 import S3Store
from infra.content.signed_urls import PATH, Grant, UrlSigner
from infra.content.store import ObjectNotFoundError, Part, StoreUnavailableError

KEY = "tenant/asset/1"
SOON = timedelta(minutes=5)
SECRET = "of nobody"  # noqa: S105


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def folders(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_dir())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "content"


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_store_nobody_wrote_to_is_empty(directory: DirectoryStore, root: Path) -> None:
    assert list(directory.objects()) == []
    directory.delete(KEY)
    directory.remove_unfinished(datetime.now(UTC))
    assert not root.exists()


def test_an_object_is_a_file_that_only_its_owner_reads(directory: DirectoryStore, root: Path) -> None:
    directory.write(KEY, [b"bytes"])
    assert files(root) == ["objects/tenant/asset/1"]
    assert (root / "objects" / KEY).read_bytes() == b"bytes"
    assert (root / "objects" / KEY).stat().st_mode & 0o777 == 0o600


def test_an_object_on_its_way_in_is_not_there_yet(directory: DirectoryStore, root: Path) -> None:
    def looking() -> Iterator[bytes]:
        yield b"the first"
        assert list(directory.objects()) == []
        assert len(files(root / "incoming")) == 1
        yield b"the second"

    directory.write(KEY, looking())
    assert files(root) == ["objects/tenant/asset/1"]


def test_a_write_that_the_disk_refuses_leaves_nothing(directory: DirectoryStore, root: Path) -> None:
    upload = directory.begin(KEY)
    large = [bytes(1 << 20)] * 5
    with no_file_larger_than(3 << 20):
        for write in (lambda: directory.write(KEY, large), lambda: directory.write_part(KEY, upload, 1, large)):
            with pytest.raises(StoreUnavailableError, match="File too large"):
                write()
    assert files(root) == []


def test_a_part_that_runs_out_of_chunks_leaves_nothing(directory: DirectoryStore, root: Path) -> None:
    upload = directory.begin(KEY)
    with pytest.raises(ZeroDivisionError):
        directory.write_part(KEY, upload, 1, (bytes(1 // left) for left in (1, 1, 0)))
    assert directory.parts(KEY, upload) == []
    assert files(root) == []


def test_the_last_object_takes_its_directories_along(directory: DirectoryStore, root: Path) -> None:
    for key in ("tenant/one/1", "tenant/one/2", "tenant/other/1"):
        directory.write(key, [b"bytes"])
    directory.delete("tenant/one/1")
    assert folders(root / "objects") == ["tenant", "tenant/one", "tenant/other"]
    directory.delete("tenant/one/2")
    assert folders(root / "objects") == ["tenant", "tenant/other"]
    directory.delete("tenant/other/1")
    assert folders(root / "objects") == []


def test_a_directory_is_no_object(directory: DirectoryStore) -> None:
    directory.write(KEY, [b"bytes"])
    for key in ("tenant", "tenant/asset", f"{KEY}/more"):
        directory.delete(key)
        with pytest.raises(ObjectNotFoundError):
            directory.stat(key)
    with pytest.raises(StoreUnavailableError):
        directory.write(f"{KEY}/more", [b"bytes"])
    assert [key for key, _ in directory.objects()] == [KEY]


def test_writes_and_deletions_in_one_directory_do_not_disturb_each_other(directory: DirectoryStore) -> None:
    def write_and_delete(worker: int) -> None:
        for number in range(50):
            key = f"tenant/asset/{worker}-{number}"
            directory.write(key, [b"bytes"])
            assert directory.stat(key).size == 5
            directory.delete(key)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write_and_delete, range(8)))
    assert list(directory.objects()) == []


def test_a_part_is_tagged_with_its_sha_256(directory: DirectoryStore) -> None:
    upload = directory.begin(KEY)
    part = directory.write_part(KEY, upload, 3, [b"some ", b"bytes"])
    assert part == Part(3, 10, sha256(b"some bytes").hexdigest())
    assert directory.parts(KEY, upload) == [part]


@pytest.mark.parametrize("number", [0, -1, 10_001])
def test_a_part_has_a_number_from_1_to_10_000(directory: DirectoryStore, number: int) -> None:
    with pytest.raises(ValueError, match="1 to 10,000"):
        directory.write_part(KEY, directory.begin(KEY), number, [b"bytes"])


def test_a_part_of_an_upload_that_is_aborted_meanwhile_is_refused(directory: DirectoryStore, root: Path) -> None:
    upload = directory.begin(KEY)

    def aborting() -> Iterator[bytes]:
        yield b"bytes"
        directory.abort(KEY, upload)

    for chunks in (aborting(), iter([b"too late"])):
        with pytest.raises(ObjectNotFoundError):
            directory.write_part(KEY, upload, 1, chunks)
    assert folders(root / "incoming") == []
    assert files(root) == []


def test_one_part_sent_many_times_at_once_is_always_there_once(directory: DirectoryStore, root: Path) -> None:
    upload = directory.begin(KEY)

    def send_and_look(number: int) -> tuple[Part, list[Part]]:
        return directory.write_part(KEY, upload, 1, [b"%d" % number]), directory.parts(KEY, upload)

    with ThreadPoolExecutor(8) as pool:
        sent, seen = zip(*pool.map(send_and_look, range(64)), strict=True)
    assert {len(parts) for parts in seen} == {1}
    assert {part for parts in seen for part in parts} <= set(sent)
    assert files(root) == [f"incoming/{upload}/1"]


def test_what_was_left_behind_is_swept_and_nothing_else(directory: DirectoryStore, root: Path) -> None:
    directory.write(KEY, [b"bytes"])
    upload = directory.begin(KEY)
    part = directory.write_part(KEY, upload, 1, [b"part"])
    (root / "incoming" / "half.new").write_bytes(b"half")
    directory.remove_unfinished(datetime.now(UTC) - timedelta(hours=1))
    assert directory.parts(KEY, upload) == [part]
    directory.remove_unfinished(datetime.now(UTC) + timedelta(seconds=1))
    assert files(root) == ["objects/tenant/asset/1"]
    with pytest.raises(ObjectNotFoundError):
        directory.parts(KEY, upload)


def test_a_store_that_cannot_be_written_says_what_to_do(tmp_path: Path, signer: UrlSigner) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    store = DirectoryStore(tmp_path / "file", signer, utc_now)
    with pytest.raises(StoreUnavailableError, match=r"Let this user write in .*file, or name another directory\.$"):
        store.check()
    for use in (lambda: store.write(KEY, repeat(b"x", 3)), lambda: store.begin(KEY)):
        with pytest.raises(StoreUnavailableError):
            use()


URLS: list[tuple[Callable[[DirectoryStore], str], Grant]] = [
    (
        lambda store: store.sign_get(KEY, SOON, content_type="image/png", disposition="inline"),
        Grant("GET", KEY, content_type="image/png", disposition="inline"),
    ),
    (lambda store: store.sign_put(KEY, SOON, size=5, content_type=None), Grant("PUT", KEY, size=5)),
    (
        lambda store: store.sign_put(KEY, SOON, size=None, content_type="image/png"),
        Grant("PUT", KEY, content_type="image/png"),
    ),
    (lambda store: store.sign_part(KEY, "upload", 3, SOON), Grant("PUT", KEY, upload="upload", part=3)),
]


@pytest.mark.parametrize(("sign", "grant"), URLS)
def test_a_url_grants_what_was_asked_for_a_while(
    directory: DirectoryStore, signer: UrlSigner, sign: Callable[[DirectoryStore], str], grant: Grant
) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    url = urlsplit(sign(directory))
    query = dict(parse_qsl(url.query))
    assert url.path == PATH + KEY
    assert signer.verify(grant.method, KEY, query, datetime.now(UTC)) == grant
    expires = datetime.fromtimestamp(int(query["expires"]), UTC)
    assert before + SOON <= expires <= datetime.now(UTC) + SOON


def test_a_url_names_the_store(tmp_path: Path, signer: UrlSigner) -> None:
    with_a_space = open_store(f"file://{tmp_path}/a%20b", signer=signer, clock=utc_now)
    with_a_space.write(KEY, [b"bytes"])
    assert (tmp_path / "a b" / "objects" / KEY).read_bytes() == b"bytes"
    bucket_url = "s3://bucket/some/prefix"
    bucket = open_store(bucket_url, signer=signer, clock=utc_now, access_key="key", secret_key=SECRET)
    assert isinstance(bucket, S3Store)
    with pytest.raises(ValueError, match="an access key and a secret key"):
        open_store("s3://bucket", signer=signer, clock=utc_now)


@pytest.mark.parametrize(
    "url", ["", "/path", "path", "file:path", "file://host/path", "s3:///prefix", "https://host/x"]
)
def test_a_url_of_another_form_is_refused(url: str, signer: UrlSigner) -> None:
    with pytest.raises(ValueError, match=r"file:///directory or s3://bucket/prefix"):
        open_store(url, signer=signer, clock=utc_now, access_key="key", secret_key=SECRET)


def test_a_pipe_in_the_place_of_an_object_is_no_object_and_keeps_nobody_waiting(
    directory: DirectoryStore, root: Path
) -> None:
    directory.write(KEY, [b"x"])
    path = root / "objects" / KEY
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(StoreUnavailableError, match="Not a regular file"), directory.open(KEY):
        pass


def test_a_directory_that_is_made_for_a_store_is_its_owners_alone(directory: DirectoryStore, root: Path) -> None:
    directory.write(KEY, [b"bytes"])
    assert root.stat().st_mode & 0o777 == 0o700
