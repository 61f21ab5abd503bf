"""One asset over HTTP: recorded, read, found."""

from tests.conftest import Client


def test_a_created_asset_is_answered_with_its_place_and_reads_back_the_same(client: Client) -> None:
    response = client.call(
        "POST", "/v1/assets", json={"media": {"media_kind": "image", "format": "png", "width": 4}, "name": "Castle"}
    )

    assert response.status_code == 201
    asset = response.json()
    assert response.headers["Location"] == f"/v1/assets/{asset['id']}"
    assert response.headers["ETag"] == '"1"'
    assert int(response.headers["Ledger-Position"]) == asset["position"]
    assert client.get(response.headers["Location"]).json() == asset
    assert client.page()["items"] == [asset]
    assert [event["topic"] for event in client.history(asset["id"])] == ["asset.created"]
