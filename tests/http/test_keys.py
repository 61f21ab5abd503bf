"""Keys: every route but those for everybody needs a valid one, and says so before anything else."""

import base64
from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest

from api.composition import Services
from tests.conftest import Client, context
from tests.http.assertions import nothing_written, path, problem
from tests.http.routes import ask, protected

Clients = Callable[..., Client]
WRONG: dict[str, Callable[[str], dict[str, str]]] = {
    "none": lambda _: {},
    "empty": lambda _: {"Authorization": ""},
    "no token": lambda _: {"Authorization": "Bearer"},
    "another scheme": lambda key: {"Authorization": f"Basic {key}"},
    "the bare key": lambda key: {"Authorization": key},
    "as a parameter of another name": lambda key: {"X-API-Key": key},
    "another secret": lambda key: {"Authorization": f"Bearer {altered(key, -1)}"},
    "another key's id": lambda key: {"Authorization": f"Bearer {altered(key, 20)}"},
    "another tenant": lambda key: {"Authorization": f"Bearer {altered(key, 0)}"},
    "cut off": lambda key: {"Authorization": f"Bearer {key[:-4]}"},
    "too long": lambda key: {"Authorization": f"Bearer {key}AAAA"},
    "not base64": lambda key: {"Authorization": f"Bearer {key[:-1]}!"},
    "sql": lambda _: {"Authorization": "Bearer ' OR 1=1 --"},
    "very long": lambda _: {"Authorization": "Bearer " + "A" * 10_000},
}


def altered(key: str, byte: int) -> str:
    """The key with one byte of what it encodes changed."""
    prefix, encoded = key[:4], key[4:]
    raw = bytearray(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    raw[byte] ^= 1
    return prefix + base64.urlsafe_b64encode(raw).decode().rstrip("=")


def key_of(client: Client) -> str:
    return str(client.http.headers["Authorization"]).removeprefix("Bearer ")


def refused_everywhere(url: str, headers: dict[str, str], asset_id: str) -> None:
    with httpx.Client(base_url=url, headers=headers) as http:
        for operation in protected(url):
            response = ask(http, operation, asset_id)
            problem(response, 401, "unauthenticated")
            assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_without_a_valid_key_every_route_answers_401(
    client: Client, url: str, wrong: Callable[[str], dict[str, str]]
) -> None:
    asset = client.create(message_id="m1")

    with nothing_written(client):
        refused_everywhere(url, wrong(key_of(client)), asset["id"])

    assert client.get(path(asset)).json() == asset


def test_a_revoked_key_opens_nothing_any_more(clients: Clients, services: Services, url: str) -> None:
    ann = clients()
    bob = clients(ann.tenant_id, "bob")
    asset = bob.create(message_id="m1")
    key_id = services.api_keys.keys_of(ann.tenant_id)[1][0]

    services.api_keys.revoke(context(), ann.tenant_id, key_id)

    with nothing_written(ann):
        refused_everywhere(url, dict(bob.http.headers), asset["id"])
    assert ann.get(path(asset)).json() == asset
    revoked = ann.page("/v1/audit", topic="tenant.key_revoked")["items"]
    assert [change["after"] for change in revoked[0]["changes"]] == [str(key_id)]


def test_a_key_never_appears_in_the_trail(client: Client) -> None:
    client.create()

    secret = key_of(client)[-20:]
    assert secret not in client.get("/v1/audit", min_position=client.head()).text


def test_a_missing_key_is_told_before_anything_that_is_wrong_with_the_request(url: str) -> None:
    for target in ("/v1/assets?limit=x", "/v1/assets/x", "/v1/assets?cursor=x", f"/v1/assets/{uuid4()}?as_of=x"):
        problem(httpx.get(url + target), 401, "unauthenticated")


@pytest.mark.parametrize("route", ["/health", "/openapi.json"])
def test_what_is_for_everybody_needs_no_key(url: str, route: str) -> None:
    assert httpx.get(url + route).status_code == 200
    assert httpx.get(url + route, headers={"Authorization": "Bearer wrong"}).status_code == 200
