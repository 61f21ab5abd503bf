"""`switch.*` and `rebuild.follow_lag_ms`: a build beside, switches and rollbacks while callers write and read."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from statistics import quantiles

import orjson

from api.application.switches import Switches
from api.composition import Services
from benchmarks.appends import new_tenant
from benchmarks.environment import Ground, MeasuringError, environment
from benchmarks.lag import Watch
from benchmarks.logs import make_log
from benchmarks.requests import Served, new_key, served, settle
from benchmarks.results import Result
from benchmarks.schedule import Scale
from domain.event import Actor
from projections.assets.fold import ASSETS

CALLERS = 16
PAIRS_A_SECOND = 200
"""Each pair is a write, and a read of what its caller has written last."""
SWITCHES = 3
SHOWN = 5
_PATIENCE = 30
_OPERATOR = Actor(id="bench", type="system")


@dataclass
class Answers:
    """What callers were answered."""

    requests: list[tuple[float, float]] = field(default_factory=list)
    """When each began and ended, in seconds of `perf_counter`."""
    commits: list[tuple[int, float]] = field(default_factory=list)
    """The position of each write, and when it was answered."""
    failed: int = 0
    wrong: int = 0

    def longest(self, began: float, ended: float) -> float:
        """Milliseconds of the longest request that was under way in this time."""
        return max((end - start) * 1_000 for start, end in self.requests if start < ended and end > began)


def switching(ground: Ground, scale: Scale) -> Iterator[Result]:
    """A build of `assets` beside the one that serves, then switches and rollbacks, under 200 writes and reads a second.

    The build is made by a process of its own. MeasuringError if the pace was not kept.
    """
    with ground.ledger() as (services, servers):
        tenant_id = new_tenant(services)
        make_log(services, tenant_id, scale.assets // 4)
        with served(ground, servers, new_key(services, tenant_id)) as ledger:
            settle(services)
            answers, watch = Answers(), Watch(services, tenant_id)
            began = time.perf_counter()
            with _busy(ledger, answers), watch:
                ground.answer(
                    "benchmarks.serve", environment(servers), "projections", "rebuild", ASSETS.name, "--beside"
                )
                built = time.perf_counter()
                switched, rollbacks = _switched(services)
                pace = len(answers.commits) / (time.perf_counter() - began)
            settle(services)
        if pace < 0.9 * PAIRS_A_SECOND:
            raise MeasuringError(f"only {pace:.0f} writes and reads a second instead of {PAIRS_A_SECOND}")
        lags = sorted(watch.lag(position, at) for position, at in answers.commits if at < built)
        yield Result("rebuild.follow_lag_ms", quantiles(lags, n=100)[98], "ms (p99)", samples=lags)
        yield Result("switch.failed_requests", answers.failed, "requests")
        yield Result("switch.wrong_rows", answers.wrong, "rows")
        yield Result("switch.pause_ms", max(answers.longest(*times) for times in switched), "ms")
        yield Result("switch.rollback_s", max(rollbacks), "s")


def _switched(services: Services) -> tuple[list[tuple[float, float]], list[float]]:
    """Switch and roll back some times; returns when each began and ended, and the seconds of the rollbacks."""
    switches = Switches(
        services.engine, services.projector, lambda tenant_id: services.session(tenant_id, _OPERATOR), ASSETS
    )
    times: list[tuple[float, float]] = []
    rollbacks: list[float] = []
    for _ in range(SWITCHES):
        for act in (switches.switch, switches.roll_back):
            began = time.perf_counter()
            act("measured")
            times.append((began, time.perf_counter()))
        rollbacks.append(times[-1][1] - times[-1][0])
    return times, rollbacks


@contextmanager
def _busy(ledger: Served, answers: Answers) -> Iterator[None]:
    """Callers that write and read at the pace while the block runs."""
    stopped = threading.Event()
    with ThreadPoolExecutor(CALLERS) as pool:
        callers = [pool.submit(_Caller(ledger, answers, number).run, stopped) for number in range(CALLERS)]
        try:
            yield
        finally:
            stopped.set()
        for caller in callers:
            caller.result()


class _Caller:
    """Writes assets that have a reference of its own, and looks for each at once."""

    def __init__(self, ledger: Served, answers: Answers, number: int) -> None:
        self._connection = HTTPConnection(*ledger.address, timeout=_PATIENCE)
        self._headers = {"Authorization": f"Bearer {ledger.key}", "Content-Type": "application/json"}
        self._answers = answers
        self._number = number
        self._reference = f"c-switch-{number}"
        self._written: list[str] = []

    def run(self, stopped: threading.Event) -> None:
        """Write and read at the pace, as due and not as answered, until stopped."""
        reference = {"kind": "claim", "id": self._reference}
        body = orjson.dumps({"media": {"media_kind": "image"}, "references": [reference]})
        due = time.perf_counter() + self._number / PAIRS_A_SECOND
        while not stopped.wait(max(0, due - time.perf_counter())):
            due += CALLERS / PAIRS_A_SECOND
            position = self._write(body)
            if position is not None:
                self._read(position)

    def _write(self, body: bytes) -> int | None:
        answer = self._call("POST", "/v1/assets", 201, body)
        if answer is None:
            return None
        position, document = answer
        self._answers.commits.append((position, time.perf_counter()))
        self._written.append(orjson.loads(document)["id"])
        return position

    def _read(self, position: int) -> None:
        path = f"/v1/assets?ref=claim:{self._reference}&limit={SHOWN}&min_position={position}"
        if answer := self._call("GET", path, 200):
            shown = [asset["id"] for asset in orjson.loads(answer[1])["items"]]
            expected = self._written[: -SHOWN - 1 : -1]
            self._answers.wrong += sum(a != b for a, b in zip(shown, expected, strict=False))
            self._answers.wrong += abs(len(shown) - len(expected))

    def _call(self, method: str, path: str, status: int, body: bytes | None = None) -> tuple[int, bytes] | None:
        """The position and the body of the answer; None of a request that failed."""
        began = time.perf_counter()
        try:
            self._connection.request(method, path, body, self._headers)
            answer = self._connection.getresponse()
            document = answer.read()
        except (OSError, HTTPException):
            self._connection.close()
            self._answers.failed += 1
            return None
        self._answers.requests.append((began, time.perf_counter()))
        if answer.status != status:
            self._answers.failed += 1
            return None
        return int(answer.headers.get("Ledger-Position", 0)), document
