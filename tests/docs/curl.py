"""Stands in for curl where there is none: the options that the documentation uses, and no others."""

import argparse
import sys
from pathlib import Path

import httpx


def main() -> int:
    """Send the request, print the body; 22 for an error status if asked to fail, as curl does."""
    parser = argparse.ArgumentParser(prog="curl", allow_abbrev=False)
    parser.add_argument("url")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="data")
    parser.add_argument("-D", dest="answered_headers", type=Path)
    parser.add_argument("-F", dest="form", action="append", default=[])
    parser.add_argument("-T", dest="file", type=Path)
    parser.add_argument("-L", dest="follow", action="store_true")
    parser.add_argument("--fail", dest="fail", action="store_true")
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-S", action="store_true")
    parser.add_argument("--fail-with-body", dest="fail", action="store_true")
    asked = parser.parse_args()
    headers = dict(header.split(": ", 1) for header in asked.headers)
    fields = dict(field.split("=", 1) for field in asked.form)
    files = {name: Path(value[1:]) for name, value in fields.items() if value.startswith("@")}
    data = asked.file.read_bytes() if asked.file else asked.data
    method = asked.method or ("PUT" if asked.file else "POST" if data is not None or fields else "GET")
    response = httpx.request(
        method,
        asked.url,
        headers=headers,
        content=data,
        data={name: value for name, value in fields.items() if name not in files} or None,
        files={name: (path.name, path.read_bytes()) for name, path in files.items()} or None,
        follow_redirects=asked.follow,
        timeout=30,
    )
    if asked.answered_headers:
        asked.answered_headers.write_text("".join(f"{name}: {value}\r\n" for name, value in response.headers.items()))
    sys.stdout.buffer.write(response.content)
    return 22 if asked.fail and response.is_error else 0


if __name__ == "__main__":
    sys.exit(main())
