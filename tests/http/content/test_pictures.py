"""Small pictures of content: where there are some, and that it is remembered where there are none."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from api.application.content.lookup import NO_PICTURE, StoredContents
from api.composition import Services, utc_now
from api.workers.worker import own_session
from domain.errors import ContentNotFoundError
from infra.clock import DatabaseClock
from tests.conftest import Client
from tests.http.content_requests import CASTLE, SAMPLES, pending, purge, put, with_content
from tests.stores import later, objects

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"/>'
CHIME = (SAMPLES / "chime.wav").read_bytes()
BRIEF = (SAMPLES / "brief.pdf").read_bytes()
UNSEEN = {
    "svg": SVG,
    "heic": b"\0\0\0\x14ftypheic\0\0\0\0heic\0\0\0\x08free",
    "cut off": CASTLE[:2000],
    "cut off document": BRIEF[:2000],
    "text": b"just text",
    "sound": CHIME,
}
UNHEARD = {
    "midi": b"MThd\0\0\0\x06\0\0\0\1\0\x60",
    "damaged": b"RIFF\x40\0\0\0WAVEfmt \xff\xff\xff\xff",
    "text": b"just text",
}


def sent(client: Client, data: bytes) -> dict[str, Any]:
    """An asset that is what its bytes are."""
    asset: dict[str, Any] = client.call("POST", "/v1/assets/upload", files={"file": ("a", data)}).json()
    return asset


@pytest.fixture
def stored(services: Services, client: Client) -> StoredContents:
    """The contents of the client's tenant."""
    return StoredContents(own_session(services, client.tenant_id))


@pytest.mark.parametrize("data", UNSEEN.values(), ids=UNSEEN)
def test_no_thumbnail_is_promised_where_none_can_be_made(client: Client, data: bytes) -> None:
    asset = sent(client, data)
    assert asset["url"]
    assert asset["thumbnail_url"] is None
    assert client.get(f"/v1/assets/{asset['id']}/thumbnail").status_code == 404


@pytest.mark.parametrize("data", UNHEARD.values(), ids=UNHEARD)
def test_no_waveform_is_promised_where_none_can_be_made(client: Client, data: bytes) -> None:
    asset_id = pending(client, media={"media_kind": "audio"})
    asset = put(client, asset_id, data).json()
    assert asset["url"]
    assert asset["waveform_url"] is None
    assert client.get(f"/v1/assets/{asset_id}/waveform").status_code == 404


@pytest.mark.parametrize("kind", ["audio", "document", "map", "file"])
def test_a_picture_that_is_not_of_its_assets_kind_can_be_shown(client: Client, kind: str) -> None:
    asset = put(client, pending(client, media={"media_kind": kind}), CASTLE).json()
    assert ("problem" in asset["content"]) == (kind in {"audio", "document"})
    assert asset["waveform_url"] is None
    assert client.get(asset["thumbnail_url"], stream=True).headers["Content-Type"] == "image/webp"


class Tomorrow(DatabaseClock):
    """The database's clock when what is remembered today is forgotten."""

    def now(self) -> datetime:
        return super().now() + 2 * NO_PICTURE


def test_a_picture_that_cannot_be_drawn_is_tried_once_a_day(client: Client, stored: StoredContents) -> None:
    tried: list[Path] = []
    asset_id = UUID(with_content(client))
    content_type = stored.find(asset_id, None).content_type
    session = stored.session
    tomorrow = StoredContents(replace(session, database_clock=Tomorrow(session.database, utc_now)))

    def draw(path: Path, _: str) -> None:
        tried.append(path)

    for contents in (stored, stored, tomorrow):
        with pytest.raises(ContentNotFoundError):
            contents._picture(asset_id, {content_type}, "thumbnail", draw)

    assert len(tried) == 2


def test_that_there_is_no_picture_is_forgotten_with_the_content(client: Client, services: Services) -> None:
    asset_id = with_content(client, CASTLE[:2000], node_id="n1")
    assert client.get(f"/v1/assets/{asset_id}/thumbnail").status_code == 404
    assert len(objects(services, client)) == 2
    client.page()
    mismatch = later(services, client.tenant_id).compare()
    assert (mismatch.orphans, mismatch.missing) == ([], [])

    assert purge(client, node_id="n1")["assets"] == 1
    assert objects(services, client) == []
