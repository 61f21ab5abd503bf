"""The names of files in forms."""

import pytest

from tests.conftest import Client
from tests.http.content_requests import CASTLE


@pytest.mark.parametrize("name", ["a\x00b.png", 509 * "a" + ".png"])
def test_a_form_whose_file_has_a_name_that_cannot_be_kept_is_refused(client: Client, name: str) -> None:
    for fields in ({}, {"asset": '{"media": {"media_kind": "image"}}'}):
        parts = [f'--b\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()]
        head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = "".join([*parts, head]).encode() + CASTLE + b"\r\n--b--\r\n"
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        refused = client.call("POST", "/v1/assets/upload", content=body, headers=headers)
        assert refused.status_code == 422, refused.text
        assert refused.json()["errors"][0]["field"] == "body.file"
    assert client.page()["items"] == []
