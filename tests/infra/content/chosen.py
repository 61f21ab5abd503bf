"""The S3 server that tests run on: rclone's, which needs nothing else, or Ceph with ASSET_LEDGER_TEST_S3=ceph."""

import os

from tests.infra.content.ceph import ceph
from tests.infra.content.rclone import rclone

_SERVER = os.environ.get("ASSET_LEDGER_TEST_S3", "rclone")
IS_FULL = _SERVER == "ceph"
"""Whether it keeps versions and locks objects, and takes a part twice."""
s3 = {"rclone": rclone, "ceph": ceph}[_SERVER]
"""Starts it in an empty folder, for as long as the block runs."""
