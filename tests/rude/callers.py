"""The callers of a rude load, each a thread that goes on until it is stopped."""

import json
import random
import socket
import struct
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

PATIENCE = 30.0
"""Seconds in which a polite caller must be answered."""
MOST_HELD = 60
"""Connections that one stalling caller holds at once."""
LONGEST_HELD = 45.0
BUSY = {429, 503}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d494844520000000100000001080600000037f5d6a10000000a49444154789c6360000000020001e221bc33"
    "0000000049454e44ae426082"
)


@dataclass
class Answers:
    """What all callers were answered; filled by many threads."""

    statuses: Counter[str] = field(default_factory=Counter)
    """How often, by kind of caller and status."""
    faults: list[str] = field(default_factory=list)
    """Answers that must not be: 5xx other than 503, silence, and refusals of what is right."""
    recorded: dict[str, list[str]] = field(default_factory=dict)
    """By asset, the names that it was answered to have, in order."""
    refused: set[str] = field(default_factory=set)
    """Names whose recording was refused."""
    seconds: list[float] = field(default_factory=list)
    """How long polite callers waited for each answer."""


class Caller(ABC):
    """A thread of its own that calls until it is stopped."""

    def __init__(self, address: tuple[str, int], keys: list[str], answers: Answers, seed: str) -> None:
        self.address, self.keys, self.answers = address, keys, answers
        self.chance = random.Random(seed)  # noqa: S311 - chosen again by the same seed
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, name=seed)

    def _run(self) -> None:
        while not self.stopped.is_set():
            try:
                self.once()
            except OSError as error:  # the service has closed the connection, as it may
                self.count(type(error).__name__)
            except Exception as error:  # noqa: BLE001 - shown by the report
                self.answers.faults.append(f"{type(self).__name__}: {type(error).__name__}: {error}")
            self.stopped.wait(self.chance.random() * 0.1)
        self.leave()

    @abstractmethod
    def once(self) -> None:
        """Call once."""

    def leave(self) -> None:  # noqa: B027 - most hold nothing
        """Let go of all that is held."""

    def count(self, status: object) -> None:
        """Count an answer; a fault of the service is kept."""
        self.answers.statuses[f"{type(self).__name__.lower()} {status}"] += 1
        if isinstance(status, int) and status >= 500 and status != 503:
            self.answers.faults.append(f"{type(self).__name__} was answered {status}")

    def head(self, method: str, target: str, *fields: str) -> bytes:
        """The head of a request with a key."""
        key = f"Authorization: Bearer {self.chance.choice(self.keys)}"
        return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", key, *fields, "", ""]).encode()

    def connected(self) -> socket.socket:
        return socket.create_connection(self.address, PATIENCE)


class Polite(Caller):
    """Records, reads and waits its turn; all that it is answered must be so."""

    def once(self) -> None:
        with httpx.Client(
            base_url=f"http://{self.address[0]}:{self.address[1]}",
            headers={"Authorization": f"Bearer {self.chance.choice(self.keys)}"},
            timeout=PATIENCE,
        ) as http:
            self._life(http)

    def _life(self, http: httpx.Client) -> None:
        name = f"polite {uuid4()}"
        asset = self._change(http, name, "POST", "/v1/assets", json={"media": {"media_kind": "image"}, "name": name})
        if asset is None:
            return
        id_, position = asset["id"], asset["position"]
        name = f"polite {uuid4()}"
        self._change(http, name, "PATCH", f"/v1/assets/{id_}", json={"name": name})
        self._ask(http, "POST", f"/v1/assets/{id_}/links", json={"references": [f"message:{uuid4()}"]})
        if self._ask(http, "PUT", f"/v1/assets/{id_}/content", content=PNG, headers={"Content-Type": "image/png"}):
            self._ask(http, "GET", f"/v1/assets/{id_}/content", follow_redirects=True)
        self._ask(http, "GET", f"/v1/assets/{id_}")
        self._ask(http, "GET", f"/v1/assets?limit=50&name=polite&min_position={position}")
        self._ask(http, "GET", f"/v1/assets/{id_}/events")
        self._ask(http, "GET", f"/v1/events?after={position}&limit=50&wait=1")
        self._job(http)

    def _job(self, http: httpx.Client) -> None:
        body = {"media_kind": "image", "run": str(uuid4()), "prompt_spec": {"prompt": "a castle"}}
        job = self._ask(http, "POST", "/v1/jobs", json=body)
        if job is not None and self._ask(http, "POST", f"/v1/jobs/{job['id']}/start", json={"attempt": 1}):
            assets = [{"media": {"media_kind": "image"}}]
            self._ask(http, "POST", f"/v1/jobs/{job['id']}/succeed", json={"attempt": 1, "assets": assets})

    def _change(self, http: httpx.Client, name: str, method: str, path: str, **options: Any) -> dict[str, Any] | None:
        asset = self._ask(http, method, path, **options)
        if asset is None:
            self.answers.refused.add(name)
        else:
            self.answers.recorded.setdefault(asset["id"], []).append(name)
        return asset

    def _ask(self, http: httpx.Client, method: str, path: str, **options: Any) -> dict[str, Any] | None:
        """The answer to what is right: a success, or None where the service is too busy."""
        began = time.monotonic()
        response = http.request(method, path, **options)
        self.answers.seconds.append(time.monotonic() - began)
        self.count(response.status_code)
        if response.is_success:
            is_json = response.headers["Content-Type"].endswith("json") and response.content
            answer: dict[str, Any] = response.json() if is_json else {}
            return answer
        if response.status_code not in BUSY:
            self.answers.faults.append(f"{method} {path} was answered {response.status_code}: {response.text[:300]}")
        return None


class Leaving(Caller):
    """Goes away in the middle: of its head, of its body, before the answer, or of the answer."""

    def once(self) -> None:
        body = json.dumps({"media": {"media_kind": "image"}, "name": "x" * 2_000}).encode()
        whole = self.head("POST", "/v1/assets", "Content-Type: application/json", f"Content-Length: {len(body)}") + body
        upload = self.head(
            "POST", "/v1/assets/upload", "Content-Type: multipart/form-data; boundary=b", "Content-Length: 9999999"
        )
        stream = self.head("GET", "/v1/events", "Accept: text/event-stream")
        request = self.chance.choice([whole[: self.chance.randrange(len(whole))], whole, upload + b"--b\r\n", stream])
        with self.connected() as connection:
            connection.sendall(request)
            if self.chance.random() < 0.3:
                connection.settimeout(1)
                with suppress(TimeoutError):
                    connection.recv(1 << 12)
            if self.chance.random() < 0.5:  # a reset instead of an end
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.count("left")


class Stalling(Caller):
    """Holds connections that say nothing, half of something, or that read nothing of a large answer."""

    def __init__(self, address: tuple[str, int], keys: list[str], answers: Answers, seed: str) -> None:
        super().__init__(address, keys, answers, seed)
        self._held: list[tuple[float, socket.socket]] = []

    def once(self) -> None:
        now = time.monotonic()
        for until, connection in [held for held in self._held if held[0] < now]:
            connection.close()
            self._held.remove((until, connection))
        if len(self._held) < MOST_HELD:
            connection = self.connected()
            connection.sendall(self._beginning())
            self._held.append((now + self.chance.random() * LONGEST_HELD, connection))
            self.count("held")

    def leave(self) -> None:
        for _, connection in self._held:
            connection.close()

    def _beginning(self) -> bytes:
        asking = self.head("GET", "/v1/assets?limit=200")
        return self.chance.choice(
            [
                b"",
                b"GET /v1/ass",
                b"POST /v1/assets HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{",
                asking[:-2],
                self.head("POST", "/v1/assets", "Content-Type: application/json", "Content-Length: 100") + b'{"media',
                self.head(
                    "POST", "/v1/assets/upload", "Content-Type: multipart/form-data; boundary=b", "Content-Length: 900"
                ),
                asking * 50,
                self.head("GET", "/v1/events", "Accept: text/event-stream"),
                self.head("GET", "/v1/events?wait=30&after=0&topics=tenant.policy_set"),
            ]
        )


class Lying(Caller):
    """Says what is not so: lengths, digests, types, keys, cursors, JSON, HTTP."""

    def once(self) -> None:
        with self.connected() as connection:
            connection.settimeout(PATIENCE)
            connection.sendall(self._lie())
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            while b"\r\n" not in answer and (chunk := connection.recv(1 << 16)):
                answer += chunk
        self.count(int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else "closed")

    def _lie(self) -> bytes:
        json_head = ("Content-Type: application/json",)
        lies = [
            self.head("POST", "/v1/assets", *json_head, "Content-Length: 5") + b"{}",
            self.head("POST", "/v1/assets", *json_head, "Content-Length: 2") + b'{"media": {"media_kind": "image"}}',
            self.head("POST", "/v1/assets", *json_head, "Content-Length: -1") + b"{}",
            self.head("POST", "/v1/assets", *json_head, "Content-Length: 2", "Transfer-Encoding: chunked")
            + b"0\r\n\r\n",
            self.head("POST", "/v1/assets", *json_head, "Content-Length: 40000") + b"[" * 40_000,
            self.head("POST", "/v1/assets/batch", *json_head, "Content-Length: 300001") + b"[" + b"{}," * 100_000,
            self.head("GET", f"/v1/assets?cursor={'A' * 150}"),
            self.head("GET", "/v1/assets?limit=9999&nothing=1"),
            self.head("GET", f"/v1/assets/{uuid4()}"),
            self.head("PUT", f"/v1/assets/{uuid4()}/content", "Content-Type: image/png", "Content-Length: 4") + b"text",
            self.head("GET", "/v1/assets", *(f"X-Header-{n}: {n}" for n in range(2_000))),
            b"GET /v1/assets HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer alk_" + b"A" * 200 + b"\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + self.chance.randbytes(200),
            self.chance.randbytes(500) + b"\r\n\r\n",
        ]
        return self.chance.choice(lies)
