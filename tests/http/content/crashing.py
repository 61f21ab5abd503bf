"""A server that is killed while clients upload, delete and purge; and what these were told."""

import json
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import httpx

from infra.content.store import SMALLEST_PART
from tests.http.content_requests import CASTLE, sha256
from tests.infra.content.servers import free_port
from tests.program import PROGRAM

DEADLINE_SECONDS = 120
NONE: Set[int] = frozenset()


class Server:
    """`asset-ledger serve` in a process of its own, which is killed in the end, and may be before."""

    def __init__(self, environment: Mapping[str, str], program: Sequence[str] = (PROGRAM,)) -> None:
        port = str(free_port())
        self.url = f"http://127.0.0.1:{port}"
        self._command = [*program, "serve", "--port", port]
        self._environment = environment
        self._changed = threading.Condition()
        self._operations = 0
        self._failed = False
        self.lives = 0
        """How often it was started."""

    def __enter__(self) -> "Server":
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()

    def restart(self) -> None:
        """Kill it in the middle of what it does, and return when it serves again."""
        self._kill()
        self._start()

    def begin(self) -> None:
        """Note that another operation begins."""
        with self._changed:
            self._operations += 1
            self._changed.notify_all()

    def fail(self) -> None:
        """Note that somebody cannot go on."""
        with self._changed:
            self._failed = True
            self._changed.notify_all()

    def wait_for_operation(self, number: int) -> None:
        """Return when so many operations have begun, or never will."""
        self._wait(lambda: self._operations >= number or self._failed)

    def wait_for_life_after(self, life: int) -> None:
        """Return when it was started again."""
        self._wait(lambda: self.lives > life)

    def _start(self) -> None:
        self._process = subprocess.Popen(self._command, env=self._environment, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert "serving on" in self._process.stdout.readline()
        with self._changed:
            self.lives += 1
            self._changed.notify_all()

    def _kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _wait(self, holds: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(holds, DEADLINE_SECONDS)


@dataclass
class Mine:
    """An asset of one caller's, and what is known of it."""

    asset_id: str
    workflow: str
    stored: dict[int, str] = field(default_factory=dict)
    """The SHA-256 of each content version that was acknowledged."""
    deleted: bool = False
    """Whether a deletion was asked for."""
    purged: bool | None = False
    """Whether a purge was acknowledged; None if one was asked for, and nobody knows."""


class Caller:
    """Works on assets of its own, one operation after the other, and remembers what was acknowledged."""

    def __init__(self, server: Server, key: str, seed: int, number: int) -> None:
        self._server = server
        self._http = httpx.Client(timeout=DEADLINE_SECONDS)
        self._key = key
        self._name = f"caller-{number}"
        self._chance = random.Random(f"{seed} {self._name}")  # noqa: S311  # chosen again by the same seed
        self._position = 0
        self.assets: list[Mine] = []
        """Those that were acknowledged."""
        self.outcomes: Counter[str] = Counter()
        """How often each operation was acknowledged, and how often an answer was lost."""

    def work(self, operations: int) -> None:
        """Do so many operations, whatever comes of them."""
        kinds = {self.form: 30, self.body: 20, self.signed: 18, self.parts: 8, self.delete: 12, self.purge: 12}
        try:
            for operation in self._chance.choices(list(kinds), list(kinds.values()), k=operations):
                self._server.begin()
                self.outcomes[operation.__name__] += operation()
        except BaseException:
            self._server.fail()
            raise
        finally:
            self._http.close()

    def form(self) -> bool:
        """Upload a new asset, and look at it. It may be sent again under its key."""
        name, data = self._new_name(), self._data()
        answer = self._insist(
            "POST",
            "/v1/assets/upload",
            data={"asset": json.dumps({"media": {"media_kind": "image"}, "workflow_id": name})},
            files={"file": ("castle.png", data)},
            headers={"Idempotency-Key": name},
        )
        if answer is None:
            return False
        self.assets.append(Mine(answer.json()["id"], name))
        self._ask("GET", f"/v1/assets/{answer.json()['id']}/thumbnail", {404}, params={"stream": True})
        return self._stored(self.assets[-1], answer, data)

    def body(self) -> bool:
        """Send the bytes of an asset, new or not, as the body."""
        mine = self._candidate(deleted=False) if self._chance.random() < 0.3 else self._new()
        if mine is None:
            return False
        data = self._data()
        return self._stored(mine, self._insist("PUT", f"/v1/assets/{mine.asset_id}/content", content=data), data)

    def signed(self) -> bool:
        """Send them to a signed URL."""
        data = self._data()
        return self._uploaded(data, lambda upload: [(upload["url"], data)], sha256=sha256(data), size=len(data))

    def parts(self) -> bool:
        """Send them in two parts."""
        end = self._data()
        data = end * (SMALLEST_PART // len(end) + 1) + end

        def pieces(upload: dict[str, Any]) -> list[tuple[str, bytes]]:
            path = f"/v1/assets/{upload['asset_id']}/uploads/{upload['id']}/parts"
            answer = self._insist("POST", path, json={"numbers": [1, 2]})
            urls = [part["url"] for part in answer.json()["items"]] if answer is not None else []
            return list(zip(urls, (data[:SMALLEST_PART], data[SMALLEST_PART:]), strict=bool(urls)))

        return self._uploaded(data, pieces, sha256=sha256(data), part_size=SMALLEST_PART)

    def delete(self) -> bool:
        """Delete an asset."""
        mine = self._candidate(deleted=False)
        if mine is None:
            return False
        mine.deleted = True
        answer = self._ask("DELETE", f"/v1/assets/{mine.asset_id}")
        if answer is None:
            return False
        self._position = int(answer.headers["Ledger-Position"])
        return True

    def purge(self) -> bool:
        """Purge an asset, deleted or not."""
        mine = self._candidate(deleted=self._chance.random() < 0.3)
        if mine is None:
            return False
        mine.deleted, mine.purged = True, None
        if not self._is_selected({"workflow_id": mine.workflow, "min_position": self._position}):
            return False
        mine.purged = True
        return True

    def _is_selected(self, filters: dict[str, Any]) -> bool:
        """Ask to purge, and again while the lists are behind a change whose answer was lost, as the report says."""
        ends = time.monotonic() + DEADLINE_SECONDS
        while (answer := self._insist("POST", "/v1/assets/purge", params=filters)) and answer.json()["changed"]:
            assert time.monotonic() < ends, answer.text
        return answer is not None

    def _candidate(self, *, deleted: bool) -> Mine | None:
        """Some asset with content that nobody asked to purge."""
        candidates = [mine for mine in self.assets if mine.stored and mine.deleted == deleted and mine.purged is False]
        return self._chance.choice(candidates) if candidates else None

    def _new(self) -> Mine | None:
        """A new asset that waits for its content."""
        name = self._new_name()
        body = {"media": {"media_kind": "image"}, "status": "pending", "workflow_id": name}
        answer = self._ask("POST", "/v1/assets", json=body)
        if answer is None:
            return None
        self.assets.append(Mine(answer.json()["id"], name))
        return self.assets[-1]

    def _uploaded(
        self, data: bytes, pieces: Callable[[dict[str, Any]], list[tuple[str, bytes]]], **announced: object
    ) -> bool:
        mine = self._new()
        begun = self._ask("POST", f"/v1/assets/{mine.asset_id}/uploads", json=announced) if mine else None
        if mine is None or begun is None:
            return False
        upload: dict[str, Any] = begun.json()
        sent = [self._insist("PUT", url, content=piece) for url, piece in pieces(upload)]
        if not sent or None in sent:
            return False
        path = f"/v1/assets/{upload['asset_id']}/uploads/{upload['id']}/complete"
        done = self._insist("POST", path, {404})
        if done is not None and done.status_code == 404:  # it was recorded before its answer was lost
            done = self._ask("GET", f"/v1/assets/{mine.asset_id}")
        return self._stored(mine, done, data)

    def _stored(self, mine: Mine, answer: httpx.Response | None, data: bytes) -> bool:
        """Remember that it was acknowledged, if it was."""
        if answer is None:
            return False
        content = answer.json()["content"]
        assert content["sha256"] == sha256(data)
        mine.stored[content["version"]] = content["sha256"]
        self._position = answer.json()["position"]
        return True

    def _insist(self, method: str, url: str, again: Set[int] = NONE, **options: Any) -> httpx.Response | None:
        """Ask, and mostly ask again if the answer is lost: then with these statuses besides success."""
        answer = self._ask(method, url, **options)
        return self._ask(method, url, again, **options) if answer is None and self._chance.random() < 0.7 else answer

    def _ask(self, method: str, url: str, also: Set[int] = NONE, **options: Any) -> httpx.Response | None:
        """The answer, a success or one of these statuses; None if there is none, and then the server lives again."""
        life = self._server.lives
        if url.startswith("/"):
            url = self._server.url + url
            options["headers"] = options.get("headers", {}) | {"Authorization": f"Bearer {self._key}"}
        try:
            answer = self._http.request(method, url, **options)
        except httpx.TransportError:
            self.outcomes["lost"] += 1
            self._server.wait_for_life_after(life)
            return None
        stores_own = not url.startswith(self._server.url)
        if answer.status_code == 503 or (stores_own and answer.is_server_error):  # a busy machine is no failure
            return None
        assert answer.is_success or answer.status_code in also, f"{method} {url}: {answer.status_code} {answer.text}"
        return answer

    def _new_name(self) -> str:
        return f"{self._name}-{self._chance.getrandbits(64):x}"

    def _data(self) -> bytes:
        """Bytes that nobody else sends; some of them are a picture."""
        noise = self._chance.randbytes(self._chance.randrange(1, 200_000))
        return CASTLE + noise if self._chance.random() < 0.3 else noise
