"""A folder of files, read as assets."""

import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.application.imports.items import Item, SourceUnreadableError, Unreadable
from api.importers.folder import read


def written(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_every_file_is_an_item_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.png", "a/z.txt", "a/b/c.wav", "a.png", "empty"):
        written(tmp_path / name)
    items = list(read(tmp_path))
    assert [item.place for item in items] == ["a/b/c.wav", "a/z.txt", "a.png", "b.png", "empty"]
    assert list(read(tmp_path)) == items


def test_an_item_has_the_name_the_path_and_the_time_of_its_file(tmp_path: Path) -> None:
    path = written(tmp_path / "in" / "Burg im Nebel – 2.png")
    os.utime(path, (0, 1_700_000_000.25))
    (item,) = read(tmp_path)
    assert isinstance(item, Item)
    assert item.path == path
    assert (item.new.name, item.new.file_name) == (path.name, path.name)
    assert item.new.media.media_kind == "file"
    assert item.created_at == datetime(2023, 11, 14, 22, 13, 20, 250_000, UTC)


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    for name in (".hidden", ".git/config", "a/.b/c", "a/shown"):
        written(tmp_path / name)
    assert [item.place for item in read(tmp_path)] == ["a/shown"]


def test_links_are_listed_and_not_followed(tmp_path: Path) -> None:
    written(tmp_path / "outside" / "secret")
    root = tmp_path / "root"
    root.mkdir()
    for name, target in {
        "file": "../outside/secret",
        "folder": "../outside",
        "loop": "loop",
        "gone": "nowhere",
    }.items():
        (root / name).symlink_to(target)
    reason = "is a link, and links are not followed"
    assert list(read(root)) == [Unreadable(name, reason) for name in ("file", "folder", "gone", "loop")]


def test_what_is_no_file_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        reason = "is neither a file nor a folder"
        assert list(read(tmp_path)) == [Unreadable("pipe", reason), Unreadable("socket", reason)]


def test_a_name_that_is_no_text_is_listed(tmp_path: Path) -> None:
    written(Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\xff.png")))
    written(tmp_path / "b.png")
    bad, good = read(tmp_path)
    assert isinstance(bad, Unreadable)
    assert bad.place == r"a\xff.png"
    assert bad.reason.startswith("name: ")
    assert good.place == "b.png"


def test_what_is_gone_in_the_meantime_is_listed(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        written(tmp_path / name)
    items = read(tmp_path)
    assert next(items).place == "a"
    (tmp_path / "b").unlink()
    assert next(items) == Unreadable("b", "No such file or directory")
    assert next(items).place == "c"


def test_a_tree_may_be_deeper_than_python_recurses(tmp_path: Path) -> None:
    folders = [tmp_path / ("d/" * depth) for depth in range(1, 1_101)]
    for folder in folders:
        folder.mkdir()
    (folders[-1] / "file").write_bytes(b"x")
    try:
        assert [item.place for item in read(tmp_path)] == ["d/" * 1_100 + "file"]
    finally:  # whoever cleans up after the tests may well recurse
        (folders[-1] / "file").unlink()
        for folder in reversed(folders):
            folder.rmdir()


@pytest.mark.parametrize("name", ["nowhere", "a file"])
def test_what_is_no_folder_cannot_be_read(tmp_path: Path, name: str) -> None:
    written(tmp_path / "a file")
    with pytest.raises(SourceUnreadableError, match="cannot be listed"):
        next(read(tmp_path / name))
