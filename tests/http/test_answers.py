"""Headers that every answer has, methods that a path has, and pages that load nothing from elsewhere."""

import re
from html.parser import HTMLParser

import httpx
import pytest

from tests.conftest import Client
from tests.http.assertions import UNKNOWN_ID, path, problem
from tests.http.content_requests import begin, part_urls, pending, with_content
from tests.http.routes import ask, concrete, described, operations, protected

EVIL = "evil.example:99"


def test_no_answer_to_a_key_is_kept_by_anybody(client: Client, url: str) -> None:
    asset = client.create()
    with httpx.Client(base_url=url, timeout=30) as stranger:
        for operation in protected(url):
            for http in (client.http, stranger):
                answer = ask(http, operation, asset["id"])
                assert answer.headers["X-Content-Type-Options"] == "nosniff", operation
                cached = "private, max-age=0, must-revalidate" if "zip" in operation[1] else "no-store"
                assert answer.headers["Cache-Control"] in {"no-store", cached}, operation


def test_content_that_has_not_changed_may_be_kept(client: Client) -> None:
    asset_id = with_content(client)
    first = client.get(f"/v1/assets/{asset_id}/content", stream=True)
    again = client.call(
        "GET", f"/v1/assets/{asset_id}/content?stream=1", headers={"If-None-Match": first.headers["ETag"]}
    )
    assert (again.status_code, again.headers.get("Cache-Control")) == (304, None)


METHODS = {
    "/v1/assets": "GET, POST",
    "/v1/assets/": None,
    "/v1/assets/zip": "GET",
    "/v1/assets/batch": "POST",
    f"/v1/assets/{UNKNOWN_ID}": "DELETE, GET, PATCH",
    f"/v1/assets/{UNKNOWN_ID}/links": "DELETE, POST",
    f"/v1/assets/{UNKNOWN_ID}/content": "GET, HEAD, PUT",
    f"/v1/assets/{UNKNOWN_ID}/holds/a": "DELETE, PUT",
    f"/v1/assets/{UNKNOWN_ID}/holds/a/b": "DELETE, PUT",
    f"/v1/assets/{UNKNOWN_ID}/links/a": None,
    "/v1/content/a/b/c": "GET, HEAD, PUT",
    "/health": "GET",
    "/openapi.json": "GET, HEAD",
    "/docs": "GET",
}


@pytest.mark.parametrize(("target", "methods"), METHODS.items())
def test_a_refused_method_is_answered_with_just_those_there_are(url: str, target: str, methods: str | None) -> None:
    answer = httpx.request("BREW", f"{url}{target}")
    assert (answer.status_code, answer.headers.get("Allow")) == ((405, methods) if methods else (404, None))


def test_every_path_names_just_its_own_methods(url: str) -> None:
    document = described(url)
    for _, template, _ in operations(document):
        target = concrete(template, UNKNOWN_ID)
        allowed = {method for method, other, _ in operations(document) if other == template}
        answer = httpx.request("BREW", f"{url}{target}")
        assert set(answer.headers["Allow"].split(", ")) == allowed, template


@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded"])
def test_what_a_caller_says_of_the_host_is_in_no_signed_url(client: Client, url: str, header: str) -> None:
    lie = {header: {"Forwarded": f"host={EVIL};proto=https", "X-Forwarded-Proto": "https"}.get(header, EVIL)}
    asset_id = with_content(client)
    upload = client.call("POST", f"/v1/assets/{pending(client)}/uploads", json={}, headers=lie)
    assert upload.json()["url"].startswith(f"{url}/v1/content/")
    parts = begin(client, pending(client), part_size=5 * 2**20, size=6 * 2**20)
    signed = client.call(
        "POST", f"/v1/assets/{parts['asset_id']}/uploads/{parts['id']}/parts", json={"numbers": [1]}, headers=lie
    )
    assert signed.json()["items"][0]["url"].startswith(f"{url}/v1/content/")
    assert part_urls(client, parts, 1)[1].startswith(f"{url}/v1/content/")
    redirected = client.call("GET", f"/v1/assets/{asset_id}/content", headers=lie)
    assert redirected.headers["Location"].startswith("/v1/content/")
    followed = client.call("GET", f"/v1/assets/{asset_id}/content", headers=lie, follow_redirects=True)
    assert followed.status_code == 200


class Loaded(HTMLParser):
    """What a page loads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.inline = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.urls += [url for name, url in attributes.items() if name in {"src", "href", "spec-url"} and url]
        self.inline += tag == "script" and "src" not in attributes
        self.inline += any(name.startswith("on") for name in attributes)


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_pages_that_describe_the_api_load_everything_from_here(url: str, page: str) -> None:
    answer = httpx.get(f"{url}{page}")
    loaded = Loaded(answer.text)
    assert loaded.urls
    assert not loaded.inline
    for part in loaded.urls:
        resource = httpx.get(answer.url.join(part))
        assert str(resource.url).startswith(url)
        assert resource.status_code == 200
        assert resource.content
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert "://" not in policy
    problem(httpx.get(f"{url}/docs/..%2Fcore.py"), 404)
    problem(httpx.get(f"{url}/docs/nothing.js"), 404)
    start = httpx.get(f"{url}/docs/start.js").text
    assert re.findall(r'url: "([^"]+)"', start) == ["openapi.json"]


def test_an_absolute_target_names_the_same_thing(client: Client) -> None:
    asset = client.create()
    target = {"target": f"http://x.example{path(asset)}".encode()}
    assert client.http.get(path(asset), extensions=target).json() == asset
