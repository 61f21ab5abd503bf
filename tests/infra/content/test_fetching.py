"""URLs of users: what is fetched, what is refused, and when fetching gives up; against real servers on loopback."""

import ssl
import threading
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.content.content_rules import Address, is_public
from infra.content.fetching import Fetched, FetchFailedError, UrlRefusedError, fetch
from tests.infra.content.sites import Answer, Site, certified, drips, encrypt, says, sends, served

LOOPBACK = IPv4Address("127.0.0.1")
LIMIT = 1_000_000


@pytest.fixture
def site() -> Iterator[Site]:
    with served(Site()) as site:
        yield site


def at_loopback(_: str) -> Sequence[Address]:
    return [LOOPBACK]


def fetched(url: str, *, limit: int = LIMIT, **how: Any) -> tuple[Fetched, bytes]:
    """The answer and its bytes, where one address of loopback counts as public, and no other."""
    how = {"resolve": at_loopback, "allowed": lambda address: address == LOOPBACK} | how
    with fetch(url, limit=limit, **how) as answer:
        return answer, b"".join(answer.chunks)


def test_content_comes_with_what_the_server_says_of_it(site: Site) -> None:
    site.answers["/a/castle%20at%20dusk.png?size=2"] = says(body=b"png" * 50_000, Content_Type="Image/PNG; q=1")
    answer, content = fetched(site.url("/a/castle%20at%20dusk.png?size=2"))
    assert content == b"png" * 50_000
    assert (answer.content_type, answer.file_name, answer.size) == ("image/png", "castle at dusk.png", 150_000)
    assert answer.url == site.url("/a/castle%20at%20dusk.png?size=2")
    ((_, headers),) = site.seen
    assert headers["Host"] == f"files.example:{site.server_port}"
    assert headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="a b.png"', "a b.png"),
        ("attachment; filename=\"euro.png\"; filename*=UTF-8''%e2%82%ac.png", "€.png"),
        ("attachment; filename*=UTF-8''%e2%82%ac.png; filename=euro.png", "€.png"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        (r'attachment; filename="C:\\temp\\a.png"', "a.png"),
        ("attachment; filename*=UTF-8''a%00%0a%e2%80%aegnp.b", "agnp.b"),
        ('attachment; filename=".."', None),
        ("attachment", "path.bin"),
        ("", "path.bin"),
    ],
)
def test_a_file_name_is_a_name_and_never_a_path(site: Site, disposition: str, name: str | None) -> None:
    site.answers["/of/path.bin"] = says(Content_Disposition=disposition)
    assert fetched(site.url("/of/path.bin"))[0].file_name == name


@pytest.mark.parametrize(
    "url",
    """
    file:///etc/passwd ftp://files.example/a gopher://files.example/ data:text/plain,hello javascript:alert(1)
    //files.example/a files.example /etc/passwd http:// http:///a http://[::1 http://user@files.example/
    http://user:secret@files.example/ http://:secret@files.example/ http://.example/ http://a..example/
    http://files.example:22/ http://files.example:0/ http://files.example:6000/ http://files.example:99999/
    http://files.example%00.org/ http://[fe80::1%25eth0]/ http://0177.0.0.1/ http://①②⑦.0.0.1/
    """.split(),
)
def test_what_is_not_a_plain_web_address_is_refused_unresolved(url: str) -> None:
    asked: list[str] = []
    with pytest.raises(UrlRefusedError):
        fetched(url, resolve=asked.append)
    assert asked == []


@pytest.mark.parametrize(
    "host",
    """
    localhost 127.0.0.1 127.1 2130706433 0x7f000001 0x7f.1 017700000001 0 0.0.0.0 [::1] [::]
    [::ffff:127.0.0.1] [::ffff:7f00:1] [64:ff9b::7f00:1] [2002:7f00:1::] [::127.0.0.1] 169.254.169.254 10.1 192.168.1
    """.split(),
)
def test_no_spelling_of_an_inner_address_gets_there(site: Site, host: str) -> None:
    with pytest.raises(UrlRefusedError, match="not on the public internet"), fetch(site.url("/", host), limit=1):
        pass
    assert site.seen == []


@pytest.mark.parametrize(
    "address",
    """
    0.0.0.0 10.255.0.1 100.64.0.1 100.100.100.200 127.8.8.8 168.63.129.16 169.254.169.254 172.31.0.1 192.0.0.192
    192.0.2.1 192.88.99.1 192.168.0.1 198.19.0.1 198.51.100.1 203.0.113.1 224.0.0.251 239.1.1.1 240.0.0.1
    255.255.255.255 :: ::1 ::8.8.8.8 ::ffff:10.0.0.1 64:ff9b::a00:1 64:ff9b:1::808:808 100::1 2001::1 2001:db8::1
    2002:808:808:: 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1
    """.split(),
)
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", "8.8.8.8 172.32.0.1 2606:4700::1111 ::ffff:8.8.8.8 64:ff9b::808:808".split())
def test_ordinary_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


def test_one_inner_address_among_others_is_enough_to_refuse_and_is_not_told(site: Site) -> None:
    addresses = [LOOPBACK, ip_address("10.20.30.40")]
    with pytest.raises(UrlRefusedError) as refusal:
        fetched(site.url("/"), resolve=lambda _: addresses)
    assert str(refusal.value) == "The host files.example is not on the public internet."
    assert site.seen == []


def test_a_name_is_resolved_once_per_hop_and_only_that_answer_counts(site: Site) -> None:
    site.answers |= {"/": says(302, Location="/there"), "/there": says(body=b"there")}
    asked: list[str] = []

    def changing(host: str) -> Sequence[Address]:
        """Another answer to every question: the second would be answered by nobody."""
        asked.append(host)
        return [LOOPBACK] if len(asked) in {1, 2} else [ip_address("127.0.0.2")]

    assert fetched(site.url("/"), resolve=changing)[1] == b"there"
    assert asked == ["files.example", "files.example"]
    with pytest.raises(UrlRefusedError):
        fetched(site.url("/"), resolve=changing)


def test_a_redirect_is_judged_anew(site: Site) -> None:
    names = {"files.example": LOOPBACK, "inner.example": ip_address("127.0.0.2")}
    site.answers["/"] = says(301, Location=site.url("/secret", "inner.example"))
    with pytest.raises(UrlRefusedError, match=r"inner\.example"):
        fetched(site.url("/"), resolve=lambda host: [names[host]])
    assert [path for path, _ in site.seen] == ["/"]


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "http://user:secret@files.example/", "http://files.example:22/", "http://[::1"]
)
def test_a_redirect_to_what_is_no_plain_web_address_is_refused(site: Site, location: str) -> None:
    site.answers["/"] = says(307, Location=location)
    with pytest.raises(UrlRefusedError):
        fetched(site.url("/"))


def test_five_redirects_are_followed_and_no_sixth(site: Site) -> None:
    site.answers |= {f"/{left}": says(308, Location=f"{left - 1}") for left in range(1, 7)}
    site.answers["/0"] = says(body=b"arrived")
    answer, content = fetched(site.url("/5"))
    assert (answer.url, content) == (site.url("/0"), b"arrived")
    with pytest.raises(FetchFailedError, match="more than 5 times"):
        fetched(site.url("/6"))


@pytest.mark.parametrize("status", [204, 206, 304, 401, 404, 500])
def test_only_200_is_content(site: Site, status: int) -> None:
    site.answers["/"] = says(status)
    with pytest.raises(FetchFailedError, match=f"status {status}, not 200"):
        fetched(site.url("/"))


def test_content_may_be_as_large_as_the_limit_and_not_larger(site: Site) -> None:
    site.answers |= {"/known": says(body=b"x" * 100_000), "/unknown": says(body=b"x" * 100_000, Content_Length="")}
    for path in ("/known", "/unknown"):
        assert len(fetched(site.url(path), limit=100_000)[1]) == 100_000
        with pytest.raises(FetchFailedError, match="more than 99,999 bytes"):
            fetched(site.url(path), limit=99_999)


def test_too_much_announced_is_refused_before_it_is_read(site: Site) -> None:
    site.answers["/"] = drips(b"HTTP/1.0 200 OK\r\nContent-Length: 1000001\r\n\r\n", b"x")
    with pytest.raises(FetchFailedError, match="more than 1,000,000 bytes"):
        fetched(site.url("/"), seconds=60)


@pytest.mark.parametrize(
    ("beginning", "drop"),
    [
        (b"", b""),
        (b"HTTP/1.0 200 OK\r\nX-Long: ", b"x"),
        (b"HTTP/1.0 200 OK\r\n\r\n", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["nothing", "headers", "body", "interim answers"],
)
def test_an_answer_that_drips_is_given_up_at_the_deadline(site: Site, beginning: bytes, drop: bytes) -> None:
    site.answers["/"] = drips(beginning, drop)
    with pytest.raises(FetchFailedError, match=r"longer than 0\.3 seconds"):
        fetched(site.url("/"), seconds=0.3)


def test_a_name_server_that_is_silent_is_given_up_too() -> None:
    over = threading.Event()
    with pytest.raises(FetchFailedError, match=r"longer than 0\.1 seconds"):
        fetched("http://files.example/", seconds=0.1, resolve=lambda _: [LOOPBACK] if over.wait(60) else [])
    over.set()


@pytest.mark.parametrize(
    "answer",
    [
        says(body=b"short", Content_Length="100"),
        says(body=b"\x1f\x8b", Content_Encoding="gzip"),
        says(X_Large="x" * 250_000),
        sends(b"SSH-2.0-server\r\n\r\n"),
    ],
    ids=["cut short", "compressed", "large headers", "not HTTP"],
)
def test_an_answer_that_is_not_as_it_should_be_fails(site: Site, answer: Answer) -> None:
    site.answers["/"] = answer
    with pytest.raises(FetchFailedError):
        fetched(site.url("/"))


def test_the_next_address_is_tried_and_nobody_listening_is_a_failure(site: Site) -> None:
    site.answers["/"] = says(body=b"here")
    addresses = [ip_address("127.0.0.2"), LOOPBACK]
    assert fetched(site.url("/"), resolve=lambda _: addresses, allowed=lambda _: True)[1] == b"here"
    for nobody in ([], addresses[:1]):
        with pytest.raises(FetchFailedError, match="cannot be connected to"):
            fetched(site.url("/"), resolve=lambda _, nobody=nobody: nobody, allowed=lambda _: True)


def test_a_name_that_nobody_has_cannot_be_found() -> None:
    with (
        pytest.raises(FetchFailedError, match=r"nobody\.invalid cannot be found"),
        fetch("http://nobody.invalid/", limit=1),
    ):
        pass


def test_proxies_of_the_environment_are_not_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.answers["/"] = says(body=b"direct")
    assert fetched(site.url("/"))[1] == b"direct"


def test_an_error_of_the_reader_stays_its_own(site: Site) -> None:
    site.answers["/"] = says(body=b"x")
    with pytest.raises(ZeroDivisionError), fetch(site.url("/"), limit=1, resolve=at_loopback, allowed=lambda _: True):
        raise ZeroDivisionError


@given(st.text() | st.from_regex(r"https?://[^/]*(/.*)?"))
def test_any_text_is_refused_or_cannot_be_fetched(url: str) -> None:
    with pytest.raises((UrlRefusedError, FetchFailedError)):
        fetched(url, resolve=lambda _: [])


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return certified(tmp_path, "files.example")


@pytest.fixture
def secure(certificate: Path) -> Iterator[tuple[Site, list[str | None]]]:
    """A site with TLS, and the server names its visitors ask for."""
    site = Site()
    names = encrypt(site, certificate)
    with served(site):
        yield site, names


def test_certificates_are_held_against_the_name(secure: tuple[Site, list[str | None]], certificate: Path) -> None:
    site, names = secure
    site.answers["/"] = says(body=b"secret")
    trusting = ssl.create_default_context(cafile=certificate)
    assert fetched(site.url("/", scheme="https"), tls=trusting)[1] == b"secret"
    for url, tls in (
        (site.url("/", "other.example", "https"), trusting),
        (site.url("/", "127.0.0.1", "https"), trusting),
        (site.url("/", scheme="https"), None),
    ):
        with pytest.raises(FetchFailedError, match="certificate or TLS is bad"):
            fetched(url, tls=tls)
    assert names == ["files.example", "other.example", None, "files.example"]
    assert len(site.seen) == 1


def test_a_redirect_does_not_leave_https(secure: tuple[Site, list[str | None]], site: Site, certificate: Path) -> None:
    above, _ = secure
    above.answers["/"] = says(302, Location=site.url("/"))
    site.answers["/"] = says(302, Location=above.url("/end", scheme="https"))
    above.answers["/end"] = says(body=b"end")
    trusting = ssl.create_default_context(cafile=certificate)
    assert fetched(site.url("/"), tls=trusting)[1] == b"end"
    with pytest.raises(UrlRefusedError, match="from https to http"):
        fetched(above.url("/", scheme="https"), tls=trusting)
