"""The demo's story: a workflow, five real files, and what happened to them, told over HTTP."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import Progress

from api.cli.output import say, table
from infra.settings import SettingsError

SAMPLES = Path(__file__).parents[3] / "docs" / "samples"
VARIATIONS = 300

GENERATED: dict[str, dict[str, Any]] = {
    "castle.png": {
        "media": {"media_kind": "image", "format": "png", "width": 512, "height": 512},
        "name": "Castle at dusk",
        "tags": ["concept"],
    },
    "portrait.jpg": {
        "media": {"media_kind": "image", "format": "jpeg", "width": 400, "height": 500},
        "name": "Portrait of the pilot",
        "tags": ["concept", "character"],
    },
    "flight.webm": {
        "media": {"media_kind": "video", "format": "webm", "width": 320, "height": 180, "duration": 2.0},
        "name": "Paper plane in flight",
        "tags": ["concept", "shot-3"],
    },
}
"""What jobs make."""

ASKED: dict[str, dict[str, Any]] = {
    "castle.png": {
        "media_kind": "image",
        "node_id": "n_render",
        "model": "sample-landscape-v1",
        "prompt_spec": {"prompt": "a castle at dusk", "seed": 271828, "steps": 28},
        "priority": 5,
    },
    "portrait.jpg": {
        "media_kind": "image",
        "node_id": "n_render",
        "model": "sample-portrait-v2",
        "prompt_spec": {"prompt": "the pilot, smiling"},
        "claim_id": "c_17",
        "subject": "u_ann",
    },
    "flight.webm": {
        "media_kind": "video",
        "node_id": "n_video",
        "prompt_spec": {"prompt_kind": "video", "description": "a paper plane over the castle", "duration": 2},
        "tool_call_id": "call_17",
    },
}
"""The jobs that make them."""

RECORDED: dict[str, dict[str, Any]] = {
    "chime.wav": {
        "media": {"media_kind": "audio", "format": "wav", "duration": 1.0, "sample_rate": 22050},
        "name": "Door chime",
        "tags": ["sound"],
        "node_id": "n_sound",
    },
    "brief.pdf": {
        "media": {"media_kind": "document", "format": "pdf", "page_count": 2},
        "name": "Production brief",
        "client_id": "c_studio",
    },
}
"""What was there without a job."""

TYPES = {"png": "image/png", "jpg": "image/jpeg", "wav": "audio/wav", "webm": "video/webm", "pdf": "application/pdf"}


class Narrator:
    """Calls a ledger and says what happened."""

    def __init__(self, http: httpx.Client, console: Console) -> None:
        self._http = http
        self._console = console
        self._head = 0

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401
        response = self._http.request(method, path, **options).raise_for_status()
        self._head = max(self._head, int(response.headers.get("Ledger-Position", 0)))
        answer: dict[str, Any] = response.json() if response.content else {}
        return answer

    def _chapter(self, title: str) -> None:
        self._console.print()
        say(title, self._console, "bold")

    def _say(self, text: str) -> None:
        say(f"  {text}", self._console)


def sample(file_name: str) -> bytes:
    """The bytes of a sample. SettingsError outside a checkout."""
    path = SAMPLES / file_name
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}: run the demo from a checkout of the project") from error


class Story(Narrator):
    """A workflow and what became of what it made."""

    def __init__(self, http: httpx.Client, console: Console, run: str) -> None:
        super().__init__(http, console)
        self._run = run
        self._ids: dict[str, str] = {}
        self._jobs: dict[str, str] = {}

    def tell(self) -> None:
        """Run a workflow, record, link, retag, delete, restore; then show the list, one trail, an earlier moment."""
        self._chapter("A workflow asks for three pieces of work")
        self._request_jobs()
        self._chapter("A worker claims them; one attempt fails and is asked for again")
        self._work()
        self._chapter("Two files were there without a job")
        for file_name, facts in RECORDED.items():
            body = {**self._described(file_name), "workflow_id": "wf_trailer", "run": self._run, **facts}
            self._ids[file_name] = self._call("POST", "/v1/assets", json=body)["id"]
            self._say(f"{file_name:<13} → {self._ids[file_name]}")
        self._chapter(f"{VARIATIONS} variations of the castle follow")
        self._record_variations()
        self._chapter("People change their minds")
        self._change()
        self._chapter("Every id finds what it belongs to")
        self._show_lookups()
        self._chapter(f"GET /v1/assets?run={self._run}&tag=concept")
        self._show_list()
        self._chapter("GET /v1/assets/{castle}/events")
        self._show_trail()
        self._chapter("GET /v1/assets/{castle}?revision=1: as it was before it was retagged")
        self._show_moments()

    @property
    def castle(self) -> str:
        """The id of the castle."""
        return self._ids["castle.png"]

    def _request_jobs(self) -> None:
        for file_name, asked in ASKED.items():
            body = {"workflow_id": "wf_trailer", "run": self._run, "scope": "world:w_north", **asked}
            job = self._call("POST", "/v1/jobs", json=body)
            self._jobs[file_name] = job["id"]
            self._say(f"{asked['media_kind']:<6} {job['id']} is {job['status']}")
            if file_name == "castle.png":
                again = self._http.post("/v1/jobs", json=body)
                self._say(f"asked again: {again.status_code}, the same job: {again.json()['id'] == job['id']}")

    def _work(self) -> None:
        files = {job_id: file_name for file_name, job_id in self._jobs.items()}
        for job in self._claim():
            if job["media_kind"] == "video":
                failure = {"attempt": 1, "code": "out_of_memory", "message": "the renderer ran out of memory"}
                self._call("POST", f"/v1/jobs/{job['id']}/fail", json=failure)
                self._say(f"{files[job['id']]}: attempt 1 failed; requeued by its workflow")
                self._call("POST", f"/v1/jobs/{job['id']}/requeue", json={"attempt": 1, "reason": "more memory now"})
            else:
                self._complete(files[job["id"]], job)
        for job in self._claim():
            self._complete(files[job["id"]], job)

    def _claim(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self._call("POST", "/v1/jobs/claim", json={"max": 10})["items"]
        return [job for job in items if job["id"] in self._jobs.values()]

    def _complete(self, file_name: str, job: dict[str, Any]) -> None:
        asset = self._described(file_name) | GENERATED[file_name]
        completion = {"attempt": job["attempt"], "assets": [asset], "cost": {"amount": "0.04", "currency": "EUR"}}
        ended = self._call("POST", f"/v1/jobs/{job['id']}/succeed", json=completion)
        self._ids[file_name] = ended["assets"][0]
        self._say(f"{file_name}: attempt {ended['attempt']} {ended['status']}, asset {self._ids[file_name]}")

    def _described(self, file_name: str) -> dict[str, Any]:
        content = sample(file_name)
        described = {"content_type": TYPES[file_name.rpartition(".")[2]], "size": len(content)}
        return {"file_name": file_name, "content": described | {"sha256": hashlib.sha256(content).hexdigest()}}

    def _record_variations(self) -> None:
        body = {
            "media": GENERATED["castle.png"]["media"],
            "tags": ["variation"],
            "run": self._run,
            "workflow_id": "wf_trailer",
        }
        with Progress(console=self._console) as bar:
            for number in bar.track(range(1, VARIATIONS + 1), description="  recording"):
                self._call("POST", "/v1/assets", json=body | {"name": f"Castle, variation {number}"})

    def _change(self) -> None:
        portrait, chime = (f"/v1/assets/{self._ids[name]}" for name in ("portrait.jpg", "chime.wav"))
        self._call("POST", f"{portrait}/links", json={"references": ["message:m_91"], "reason": "shown to the client"})
        self._say("the portrait was linked to message m_91")
        retagged = {"tags": ["concept", "approved"], "reason": "the client likes it"}
        self._call("PATCH", f"/v1/assets/{self.castle}", json=retagged, headers={"X-Actor": "user:u_ben"})
        self._say("u_ben retagged the castle: concept, approved")
        self._call("DELETE", chime, params={"reason": "too loud"}, headers={"X-Actor": "user:u_ann"})
        self._say(f"u_ann deleted the chime: a read now answers {self._http.get(chime).status_code}")
        self._call("POST", f"{chime}/restore", json={"reason": "it was the speaker"}, headers={"X-Actor": "user:u_ben"})
        self._say(f"u_ben restored it: a read now answers {self._http.get(chime).status_code}")

    def _show_lookups(self) -> None:
        headings, rows = ["filter", "jobs", "assets"], list[tuple[str, ...]]()
        for filters in ({"node_id": "n_render"}, {"claim_id": "c_17"}, {"job_id": self._jobs["castle.png"]}):
            params = {"run": self._run, "min_position": self._head, **filters}
            jobs = [job["status"] for job in self._call("GET", "/v1/jobs", params=params)["items"]]
            names = [asset["name"] for asset in self._call("GET", "/v1/assets", params=params)["items"]]
            rows.append((*(f"{k}={v}" for k, v in filters.items()), ", ".join(jobs), ", ".join(names)))
        table(headings, rows, self._console)

    def _show_list(self) -> None:
        params = {"run": self._run, "tag": "concept", "min_position": self._head}
        headings, rows = ["name", "media", "tags", "origin", "links", "rev"], list[tuple[str, ...]]()
        for asset in self._call("GET", "/v1/assets", params=params)["items"]:
            origin = [reference for reference in asset["origin"] if not reference.startswith("run:")]
            media = f"{asset['media']['media_kind']}/{asset['media']['format']}"
            cells = (", ".join(asset["tags"]), "\n".join(origin), "\n".join(asset["links"]))
            rows.append((asset["name"], media, *cells, str(asset["revision"])))
        table(headings, rows, self._console)

    def _show_trail(self) -> None:
        headings, rows = ["when (UTC)", "who", "what", "changed", "why"], list[tuple[str, ...]]()
        for event in self._call("GET", f"/v1/assets/{self.castle}/events")["items"]:
            changed = "\n".join(_change_line(change) for change in event["changes"])
            rows.append((event["time"][11:23], event["actor"]["id"], event["topic"], changed, event["reason"] or ""))
        table(headings, rows, self._console)

    def _show_moments(self) -> None:
        headings, rows = ["", "revision", "tags", "updated by"], list[tuple[str, ...]]()
        for moment, params in (("then", {"revision": 1}), ("now", {})):
            asset = self._call("GET", f"/v1/assets/{self.castle}", params=params)
            rows.append((moment, str(asset["revision"]), ", ".join(asset["tags"]), asset["updated_by"]))
        table(headings, rows, self._console)


def _change_line(change: dict[str, Any]) -> str:
    before, after = (", ".join(_texts(change[side])) or "–" for side in ("before", "after"))
    return f"{change['field']}: {before} → {after}" if change["before"] else f"{change['field']}: {after}"


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - whatever JSON holds
    match value:
        case None:
            return
        case list():
            yield from map(str, value)
        case dict():
            yield from (f"{name} {str(member)[:16]}" for name, member in value.items() if member is not None)
        case _:
            yield str(value)
