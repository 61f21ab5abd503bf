"""Ceph's RADOS Gateway on loopback, from the distribution's packages: an S3 server with versions and object lock."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

from tests.infra.content.servers import ACCESS_KEY, SECRET_KEY, S3Server, answers, free_port, running
from tests.infra.embedding import eventually

_CONFIG = """
[global]
fsid = {fsid}
mon_host = v2:127.0.0.1:{mon_port}
public_addr = 127.0.0.1
ms_bind_msgr1 = false
keyring = {folder}/keyring
run_dir = {folder}
admin_socket = {folder}/$name.asok
log_file = {folder}/$name.log
mon_data = {folder}/mon
mon_cluster_log_file = {folder}/cluster.log
mon_data_avail_crit = 0
mon_allow_pool_size_one = true
osd_data = {folder}/osd
osd_objectstore = memstore
memstore_device_bytes = 2147483648
osd_crush_chooseleaf_type = 0
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_class_update_on_start = false
rgw_data = {folder}
"""


@contextmanager
def ceph(folder: Path) -> Iterator[S3Server]:
    """A cluster of one monitor, one store in memory and one gateway, all gone when it is left."""
    config, mon_port, port = folder / "ceph.conf", free_port(), free_port()
    fsid, osd = str(uuid4()), str(uuid4())
    (folder / "osd").mkdir()
    config.write_text(_CONFIG.format(fsid=fsid, mon_port=mon_port, folder=folder))
    with ExitStack() as stack:

        def run(*command: str) -> None:
            environment = os.environ | {"CEPH_CONF": str(config)}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stderr[:2000]

        def start(*command: str) -> None:
            stack.enter_context(running([*command, "-c", str(config), "-f"], folder / f"{command[0]}.out"))

        for user in ("mon.", "osd.0", "client.admin"):
            rights = [word for daemon in ("mon", "osd", "mgr") for word in ("--cap", daemon, "allow *")]
            create = [] if (folder / "keyring").exists() else ["--create-keyring"]
            run("ceph-authtool", str(folder / "keyring"), *create, "--gen-key", "-n", user, *rights)
        run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v2:127.0.0.1:{mon_port}]", str(folder / "map"))
        run("ceph-mon", "-i", "a", "--mkfs", "--monmap", str(folder / "map"), "--keyring", str(folder / "keyring"))
        start("ceph-mon", "-i", "a")
        run("ceph", "osd", "new", osd)
        run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        start("ceph-osd", "-i", "0")
        name = "client.admin"
        keys = ("--uid", "tests", "--display-name", "Tests", "--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY)
        run("radosgw-admin", "-n", name, "user", "create", *keys)
        start("radosgw", "-n", name, f"--rgw_frontends=beast endpoint=127.0.0.1:{port}")
        eventually(lambda: answers(port))
        yield S3Server(f"127.0.0.1:{port}")
