"""Real web servers on loopback whose every answer a test decides, with TLS or without."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Answer = Callable[["Visit"], object]


class Visit(BaseHTTPRequestHandler):
    """One request; the site says how it is answered."""

    server: "Site"

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers)))
        try:
            self.server.answers[self.path](self)
        except OSError:  # the client has left, which is what some tests want
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Site(ThreadingHTTPServer):
    """A server whose answers are functions by path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Visit)
        self.answers: dict[str, Answer] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.closing = threading.Event()

    def url(self, path: str, host: str = "files.example", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.server_port}{path}"


def says(status: int = 200, body: bytes = b"", **headers: str) -> Answer:
    """Answers with a status, a body and headers; one that is empty is left out."""

    def answer(visit: Visit) -> None:
        visit.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            if value:
                visit.send_header(name.replace("_", "-"), value)
        visit.end_headers()
        visit.wfile.write(body)

    return answer


def sends(answer: bytes) -> Answer:
    """Answers with just these bytes."""
    return lambda visit: visit.wfile.write(answer)


def drips(beginning: bytes, drop: bytes) -> Answer:
    """Answers without an end, a drop every few milliseconds."""

    def answer(visit: Visit) -> None:
        visit.wfile.write(beginning)
        while not visit.server.closing.wait(0.01):
            visit.wfile.write(drop)

    return answer


@contextmanager
def served(site: Site) -> Iterator[Site]:
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        site.closing.set()
        site.shutdown()
        site.server_close()
        thread.join()


def certified(folder: Path, name: str) -> Path:
    """A new file with a key and a certificate of the name, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test")])
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "server.pem"
    path.write_bytes(secret + certificate.public_bytes(pem))
    return path


def encrypt(site: Site, certificate: Path) -> list[str | None]:
    """Let the site speak TLS; returns where the server names are noted that its visitors ask for."""
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _, name, __: names.append(name)
    site.socket = context.wrap_socket(site.socket, server_side=True)
    return names
