"""URLs of the directory store: what was signed is granted, and nothing else."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.content.signed_urls import PATH, Grant, SignatureError, UrlExpiredError, UrlSigner

BASE = "https://ledger.example/at"
SIGNER = UrlSigner(bytes(range(32)), BASE + "/")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SOON = NOW + timedelta(minutes=5)

texts = st.text(max_size=20)
grants = st.builds(
    Grant,
    method=st.sampled_from(["GET", "PUT"]),
    key=st.from_regex(r"[a-z0-9]{1,9}(/[A-Za-z0-9._-]{1,9}){0,2}", fullmatch=True),
    size=st.none() | st.integers(0, 1 << 50),
    content_type=st.none() | texts,
    disposition=st.none() | texts,
    upload=st.none() | texts,
    part=st.none() | st.integers(1, 10_000),
)


def read(url: str) -> tuple[str, dict[str, str]]:
    """The key and the fields, as a server reads them."""
    parts = urlsplit(url)
    assert url.startswith(BASE + PATH)
    key = unquote(parts.path).removeprefix(urlsplit(BASE).path + PATH)
    return key, dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))


@given(grants)
def test_what_was_signed_is_granted(grant: Grant) -> None:
    key, query = read(SIGNER.sign(grant, SOON))
    assert SIGNER.verify(grant.method, key, query, NOW) == grant


@given(grants, st.data())
def test_any_changed_field_is_refused(grant: Grant, data: st.DataObject) -> None:
    key, query = read(SIGNER.sign(grant, SOON))
    field = data.draw(st.sampled_from(sorted(query)))
    changed = query | {field: data.draw(texts.filter(lambda text: text != query[field]))}
    with pytest.raises(SignatureError, match="not signed"):
        SIGNER.verify(grant.method, key, changed, NOW)


@given(grants, st.data())
def test_a_field_left_out_is_refused(grant: Grant, data: st.DataObject) -> None:
    key, query = read(SIGNER.sign(grant, SOON))
    del query[data.draw(st.sampled_from(sorted(query)))]
    with pytest.raises(SignatureError, match="not signed"):
        SIGNER.verify(grant.method, key, query, NOW)


@given(grants, st.sampled_from([*Grant._fields, "other"]), texts)
def test_a_field_put_in_is_refused(grant: Grant, field: str, value: str) -> None:
    key, query = read(SIGNER.sign(grant, SOON))
    if field not in query:
        with pytest.raises(SignatureError, match="not signed"):
            SIGNER.verify(grant.method, key, query | {field: value}, NOW)


@given(grants, grants)
def test_no_two_grants_have_one_signature(first: Grant, second: Grant) -> None:
    signatures = {read(SIGNER.sign(grant, SOON))[1]["signature"] for grant in (first, second)}
    assert len(signatures) == len({first, second})


@given(grants)
def test_another_object_and_another_method_are_refused(grant: Grant) -> None:
    key, query = read(SIGNER.sign(grant, SOON))
    for method, other in (("DELETE", key), (grant.method, key + "0"), (grant.method.lower(), key)):
        with pytest.raises(SignatureError, match="not signed"):
            SIGNER.verify(method, other, query, NOW)


@given(grants)
def test_another_secret_is_refused(grant: Grant) -> None:
    key, query = read(UrlSigner(bytes(32), BASE).sign(grant, SOON))
    with pytest.raises(SignatureError, match="not signed"):
        SIGNER.verify(grant.method, key, query, NOW)


def test_a_url_is_good_until_it_expires() -> None:
    grant = Grant("GET", "tenant/asset/1")
    key, query = read(SIGNER.sign(grant, SOON))
    assert SIGNER.verify("GET", key, query, SOON - timedelta(microseconds=1)) == grant
    for late in (SOON, SOON + timedelta(days=1)):
        with pytest.raises(UrlExpiredError):
            SIGNER.verify("GET", key, query, late)


@pytest.mark.parametrize("signature", ["", "é", "\ud800", "0" * 64])
def test_a_signature_that_is_none_is_refused(signature: str) -> None:
    key, query = read(SIGNER.sign(Grant("GET", "tenant/asset/1"), SOON))
    with pytest.raises(SignatureError, match="not signed"):
        SIGNER.verify("GET", key, query | {"signature": signature}, NOW)
    with pytest.raises(SignatureError, match="not signed"):
        SIGNER.verify("GET", key, {}, NOW)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        UrlSigner(bytes(31), BASE)
