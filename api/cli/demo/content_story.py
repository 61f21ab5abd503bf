"""The demo's second story: the bytes of the castle come, are shown, and go."""

import hashlib

from api.cli.demo.story import Narrator, sample


class ContentStory(Narrator):
    """Bytes that are uploaded, verified, looked at, downloaded and purged."""

    def tell(self, asset_id: str) -> None:
        """Upload the bytes of an asset that was only described, download them, and let those of a copy go."""
        self._chapter("PUT /v1/assets/{castle}/content: its bytes are uploaded and verified")
        self._upload(asset_id)
        self._chapter("GET /v1/assets/{castle}/content: a signed URL, good for a while")
        self._download(asset_id)
        self._chapter("A copy is deleted, and its bytes are purged; what is recorded of them stays")
        self._purge()

    def _upload(self, asset_id: str) -> None:
        data = sample("castle.png")
        asset = self._call("PUT", f"/v1/assets/{asset_id}/content", content=data, headers={"Content-Type": "image/png"})
        content = asset["content"]
        self._say(f"{content['size']:,} bytes, SHA-256 {content['sha256'][:16]}…, content version {content['version']}")
        media = asset["media"]
        self._say(f"the bytes say: {media['media_kind']}/{media['format']}, {media['width']} × {media['height']}")
        generation = content["embedded"]["generation"]
        self._say(f"found inside: {generation['model']}, seed {generation['seed']}, {generation['sampler']}")
        self._say(f"thumbnail: {self._http.base_url.join(asset['thumbnail_url'])}")

    def _download(self, asset_id: str) -> None:
        answer = self._http.get(f"/v1/assets/{asset_id}/content")
        location = answer.headers["Location"]
        self._say(f"{answer.status_code} → {location[:96]}…")
        downloaded = self._http.get(location, headers={"Authorization": ""}).raise_for_status().content
        same = hashlib.sha256(downloaded).digest() == hashlib.sha256(sample("castle.png")).digest()
        self._say(f"downloaded without a key: {len(downloaded):,} bytes, the same: {same}")

    def _purge(self) -> None:
        copy = self._call("POST", "/v1/assets/upload", files={"file": ("copy.jpg", sample("portrait.jpg"))})
        path = f"/v1/assets/{copy['id']}"
        self._call("DELETE", path, params={"reason": "a copy"})
        criteria = {"status": "deleted", "sha256": copy["content"]["sha256"], "min_position": self._head}
        for how, dry in (("would purge", True), ("purged", False)):
            report = self._call("POST", "/v1/assets/purge", params={**criteria, "dry_run": dry})
            self._say(f"{how} {report['assets']} asset with {report['bytes']:,} bytes")
        for event in self._call("GET", f"{path}/events")["items"]:
            self._say(f"  {event['time'][11:23]}  {event['topic']}")
