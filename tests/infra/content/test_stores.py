"""What both content stores promise."""

import tracemalloc
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import repeat

import httpx
import pytest

from infra.content.directory import DirectoryStore
from infra.content.object_keys import checked_key
from infra.content.store import SMALLEST_PART, ContentStore, ObjectNotFoundError, Part, PartsRefusedError

MEBIBYTE = 1 << 20
KEY = "tenant/asset/1"
ABSENT = "tenant/asset/2"
BAD_KEYS = ["", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "a\0", "a b", "ä", "a\n", "a\\b", "a" * 801, "%2e%2e"]


def content(store: ContentStore, key: str = KEY, start: int = 0, length: int | None = None) -> bytes:
    with store.open(key, start, length) as chunks:
        return b"".join(chunks)


def failing(error: Exception, mebibytes: int = 0) -> Iterator[bytes]:
    yield b"begun"
    yield from repeat(bytes(MEBIBYTE), mebibytes)
    raise error


def keys(store: ContentStore, prefix: str = "") -> list[str]:
    return [key for key, _ in store.objects(prefix)]


def put_part(store: ContentStore, upload: str, number: int, data: bytes) -> None:
    if isinstance(store, DirectoryStore):
        store.write_part(KEY, upload, number, [data])
    else:
        url = store.sign_part(KEY, upload, number, timedelta(minutes=1))
        assert httpx.put(url, content=data, timeout=30).status_code == 200


def test_a_store_that_works_passes_its_check(store: ContentStore) -> None:
    store.check()
    assert keys(store) == []


@pytest.mark.parametrize(
    "chunks",
    [[], [b""], [b"one"], [b"", b"one", b"", b"two"], [bytes([i]) * 999_983 for i in range(40)], [b"x" * (32 << 20)]],
    ids=["no chunk", "an empty chunk", "a chunk", "a few chunks", "odd chunks of three parts", "just two parts"],
)
def test_what_is_written_is_read_back(store: ContentStore, chunks: Sequence[bytes]) -> None:
    store.write(KEY, iter(chunks))
    assert content(store) == b"".join(chunks)
    assert store.stat(KEY).size == sum(map(len, chunks))


@pytest.mark.parametrize("start", [0, 1, 9, 10, 11])
@pytest.mark.parametrize("length", [None, 0, 1, 5, 10, 20])
def test_an_object_is_read_from_any_offset_on(store: ContentStore, start: int, length: int | None) -> None:
    store.write(KEY, [b"0123456789"])
    end = None if length is None else start + length
    assert content(store, KEY, start, length) == b"0123456789"[start:end]


def test_an_object_that_is_not_there_is_not_found(store: ContentStore) -> None:
    store.write(KEY, [b"another"])
    for key in (ABSENT, "tenant/asset", "tenant", KEY + "0"):
        with pytest.raises(ObjectNotFoundError):
            store.stat(key)
        for length in (None, 0, 1):
            with pytest.raises(ObjectNotFoundError), store.open(key, 0, length):
                pass


def test_an_object_is_as_old_as_its_last_writing(store: ContentStore) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    store.write(KEY, [b"bytes"])
    assert before <= store.stat(KEY).modified_at <= datetime.now(UTC)


def test_writing_again_replaces_the_object(store: ContentStore) -> None:
    store.write(KEY, [b"the first"])
    store.write(KEY, [b"second"])
    assert content(store) == b"second"
    assert keys(store) == [KEY]


@pytest.mark.parametrize("mebibytes", [0, 40], ids=["at once", "after 40 MiB"])
@pytest.mark.parametrize("error", [ZeroDivisionError(), ConnectionResetError("the uploader left")], ids=repr)
def test_a_write_that_runs_out_of_chunks_leaves_nothing(store: ContentStore, error: Exception, mebibytes: int) -> None:
    with pytest.raises(type(error)) as caught:
        store.write(KEY, failing(error, mebibytes))
    assert caught.value is error
    assert keys(store) == []


def test_a_write_that_fails_leaves_what_was_there(store: ContentStore) -> None:
    store.write(KEY, [b"kept"])
    with pytest.raises(ZeroDivisionError):
        store.write(KEY, failing(ZeroDivisionError(), 20))
    assert content(store) == b"kept"


def test_a_large_object_is_not_held_in_memory(store: ContentStore) -> None:
    tracemalloc.start()
    try:
        store.write(KEY, repeat(bytes(MEBIBYTE), 200))
        with store.open(KEY) as chunks:
            assert sum(map(len, chunks)) == 200 * MEBIBYTE
        assert tracemalloc.get_traced_memory()[1] < 100 * MEBIBYTE
    finally:
        tracemalloc.stop()


def test_a_deleted_object_is_gone_and_no_other_one(store: ContentStore) -> None:
    for key in (KEY, KEY + "0", ABSENT, "tenant/other/1"):
        store.write(key, [b"bytes"])
    store.delete(KEY)
    assert keys(store) == [KEY + "0", ABSENT, "tenant/other/1"]
    with pytest.raises(ObjectNotFoundError):
        store.stat(KEY)


def test_deleting_what_is_not_there_does_nothing(store: ContentStore) -> None:
    store.write(KEY, [b"bytes"])
    for key in (ABSENT, KEY + "0", "other/asset/1"):
        store.delete(key)
    assert keys(store) == [KEY]


def test_an_object_that_is_moved_has_the_other_key_alone(store: ContentStore) -> None:
    store.write(ABSENT, [b"in the way"])
    store.write(KEY, [b"moved"])
    store.move(KEY, ABSENT)
    assert content(store, ABSENT) == b"moved"
    assert keys(store) == [ABSENT]
    with pytest.raises(ObjectNotFoundError):
        store.move(KEY, ABSENT)
    assert content(store, ABSENT) == b"moved"


def test_objects_are_listed_in_the_order_of_keys(store: ContentStore) -> None:
    names = ["a-b", "a.b", "a/b", "a/b.c", "a/c/d", "a0", "aa/b", "b", "B"]
    for name in names:
        store.write(name, [name.encode()])
    assert keys(store) == sorted(names)
    assert [stat.size for _, stat in store.objects()] == [len(name) for name in sorted(names)]


@pytest.mark.parametrize("prefix", ["", "a", "a/", "a/b", "a/c/", "aa", "c", "a/b/", "a/b.c"])
def test_objects_are_listed_by_any_prefix(store: ContentStore, prefix: str) -> None:
    names = ["a-b", "a/b", "a/b.c", "a/c/d", "aa/b"]
    for name in names:
        store.write(name, [b"x"])
    assert keys(store, prefix) == [name for name in names if name.startswith(prefix)]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_key_that_we_would_never_choose_is_refused(store: ContentStore, key: str) -> None:
    for use in (store.stat, store.begin, lambda key: store.write(key, [b"x"])):
        with pytest.raises(ValueError, match="not a key"):
            use(key)
    with pytest.raises(ValueError, match="not a key"), store.open(key):
        pass
    assert checked_key("Az09.-_/..a/a..") == "Az09.-_/..a/a.."


@pytest.mark.parametrize("key", ["", "/a", ".", "..", "a/../b", "a/./b", "../a", "a/..", "a\0"])
def test_nothing_outside_the_store_is_deleted(store: ContentStore, key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        store.delete(key)


def test_parts_are_joined_in_their_order(store: ContentStore) -> None:
    upload, large = store.begin(KEY), b"1" * SMALLEST_PART
    put_part(store, upload, 2, b"the end")
    put_part(store, upload, 1, large)
    parts = store.parts(KEY, upload)
    assert [(part.number, part.size) for part in parts] == [(1, len(large)), (2, 7)]
    assert keys(store) == []
    store.complete(KEY, upload, parts)
    assert content(store) == large + b"the end"
    with pytest.raises(ObjectNotFoundError):
        store.complete(KEY, upload, parts)


def test_the_numbers_of_parts_may_have_gaps(full_store: ContentStore) -> None:
    upload, large = full_store.begin(KEY), b"2" * SMALLEST_PART
    for number, data in ((9, b"the end"), (2, large)):
        put_part(full_store, upload, number, data)
    full_store.complete(KEY, upload, full_store.parts(KEY, upload))
    assert content(full_store) == large + b"the end"


def test_a_part_that_comes_again_takes_the_place_of_the_first(full_store: ContentStore) -> None:
    upload = full_store.begin(KEY)
    for data in (b"first", b"second"):
        put_part(full_store, upload, 1, data)
    parts = full_store.parts(KEY, upload)
    assert [part.size for part in parts] == [6]
    full_store.complete(KEY, upload, parts)
    assert content(full_store) == b"second"


def test_an_upload_has_no_parts_at_first(store: ContentStore) -> None:
    assert store.parts(KEY, store.begin(KEY)) == []


def test_only_the_parts_that_have_arrived_can_be_joined(store: ContentStore) -> None:
    upload, large = store.begin(KEY), b"1" * SMALLEST_PART
    put_part(store, upload, 1, large)
    put_part(store, upload, 2, b"the end")
    first, second = store.parts(KEY, upload)
    refused: list[list[Part]] = [
        [],
        [first],
        [second, first],
        [first, first, second],
        [first, second._replace(etag=first.etag)],
        [first, second._replace(number=3)],
        [first, second._replace(size=6)],
        [first._replace(etag="0" * len(first.etag)), second],
    ]
    for parts in refused:
        with pytest.raises(PartsRefusedError):
            store.complete(KEY, upload, parts)
    assert keys(store) == []
    store.complete(KEY, upload, [first, second])
    assert content(store) == large + b"the end"


def test_a_small_part_can_only_be_the_last(store: ContentStore) -> None:
    upload = store.begin(KEY)
    for number in (1, 2):
        put_part(store, upload, number, b"1" * (SMALLEST_PART - 1))
    parts = store.parts(KEY, upload)
    with pytest.raises(PartsRefusedError):
        store.complete(KEY, upload, parts)
    assert keys(store) == []
    assert store.parts(KEY, upload) == parts


def test_an_upload_belongs_to_its_key(store: ContentStore) -> None:
    upload = store.begin(KEY)
    put_part(store, upload, 1, b"bytes")
    parts = store.parts(KEY, upload)
    with pytest.raises(ObjectNotFoundError):
        store.parts(ABSENT, upload)
    with pytest.raises(ObjectNotFoundError):
        store.complete(ABSENT, upload, parts)
    store.abort(ABSENT, upload)
    assert store.parts(KEY, upload) == parts


@pytest.mark.parametrize("upload", ["none", "../objects", "a" * 32])
def test_an_upload_that_nobody_began_is_not_found(store: ContentStore, upload: str) -> None:
    with pytest.raises(ObjectNotFoundError):
        store.parts(KEY, upload)
    with pytest.raises(ObjectNotFoundError):
        store.complete(KEY, upload, [Part(1, 1, "0")])
    store.abort(KEY, upload)


def test_an_aborted_upload_is_forgotten(store: ContentStore) -> None:
    upload = store.begin(KEY)
    put_part(store, upload, 1, b"bytes")
    parts = store.parts(KEY, upload)
    store.abort(KEY, upload)
    store.abort(KEY, upload)
    with pytest.raises(ObjectNotFoundError):
        store.complete(KEY, upload, parts)
    assert keys(store) == []
