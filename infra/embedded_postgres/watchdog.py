"""The locks that say who uses a cluster, and the process that stops its server after the last user.

Run by path with the standard library alone: ``python -I -S watchdog.py DATA_DIR LOCK_FD``.

Each user holds ``locks/users`` shared, and the kernel drops that lock however the user ends. Whoever starts or stops
the server holds ``locks/control``. ``locks/watchdog`` is held for as long as a watchdog guards the cluster.
"""

import contextlib
import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PORT = 5432
STOP_SECONDS = 60
LOG_FILES_KEPT = 5
PRUNE_SECONDS = 60


def open_lock(data_dir: Path, name: str) -> int:
    """Return a new, not inheritable descriptor of the lock file; flock belongs to the descriptor, not the process."""
    return os.open(data_dir / "locks" / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(descriptor: int) -> bool:
    """Return whether the exclusive lock could be had at once."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def control(data_dir: Path) -> Iterator[int]:
    """Hold the right to start and stop the server, waiting for it; yields the lock's descriptor."""
    descriptor = open_lock(data_dir, "control")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def unused(data_dir: Path) -> bool:
    """Return whether no user is left; to be called under control."""
    descriptor = open_lock(data_dir, "users")
    try:
        if try_lock(descriptor):
            return True
        # The watchdog may have held it for an instant: the shared lock waits for that, and control keeps it away after.
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        return try_lock(descriptor)
    finally:
        os.close(descriptor)


def postmaster_record(data_dir: Path) -> list[str]:
    """Return the lines of postmaster.pid (pid, directory, start time, port, socket directory, …), or none."""
    with contextlib.suppress(FileNotFoundError):
        return (data_dir / "postgresql" / "postmaster.pid").read_text().splitlines()
    return []


def answers(data_dir: Path) -> bool:
    """Return whether a server listens on the socket that postmaster.pid names."""
    record = postmaster_record(data_dir)
    if len(record) < 5:
        return False
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.connect(f"{record[4]}/.s.PGSQL.{record[3]}")
        return True
    return False


def lives(pid: int) -> bool:
    """Return whether the process is a PostgreSQL that has not ended; unknown, hence true, on a system without /proc."""
    process = Path(f"/proc/{pid}")
    try:
        return (process / "comm").read_text() == "postgres\n" and (process / "cmdline").read_bytes() != b""
    except OSError:
        return not Path("/proc/self").exists()


def server_pid(data_dir: Path) -> int | None:
    """Return the pid of the cluster's live server, never that of a foreign process that was given its old pid."""
    record = postmaster_record(data_dir)
    if not record or not record[0].isdigit() or not lives(int(record[0])):
        return None
    pid = int(record[0])
    try:
        return pid if Path(f"/proc/{pid}/cwd").samefile(data_dir / "postgresql") else None
    except OSError:
        # There is no /proc, or we are root in a container, where the directory of another user's process is hidden.
        return pid if answers(data_dir) else None


def stop_server(data_dir: Path) -> None:
    """Stop the server if it runs (fast shutdown, then an immediate one) and wait for its end.

    To be called under control. Raises TimeoutError when the server survives both.
    """
    pid = server_pid(data_dir)
    if pid is None:
        return
    # The signals are what pg_ctl sends; sent from here they need no binaries, which an upgrade may have replaced.
    for shutdown in (signal.SIGINT, signal.SIGQUIT):
        try:
            os.kill(pid, shutdown)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if not lives(pid) or postmaster_record(data_dir)[:1] != [str(pid)]:
                return
            time.sleep(0.01)
    raise TimeoutError(f"the PostgreSQL server with pid {pid} does not stop")


def prune_logs(data_dir: Path) -> None:
    """Remove all but the newest log files, since the server rotates its log and never deletes."""
    with contextlib.suppress(OSError):
        logs = sorted((data_dir / "log").glob("postgresql-*.log"))
        for log in logs[:-LOG_FILES_KEPT]:
            log.unlink()


def guard(data_dir: Path, watchdog_lock: int) -> None:
    """Wait for the end of the last user and stop the server, unless a new user came meanwhile."""
    while True:
        users = open_lock(data_dir, "users")
        fcntl.flock(users, fcntl.LOCK_EX)
        os.close(users)
        with control(data_dir):
            if unused(data_dir):
                stop_server(data_dir)
                # Given up under control, so that whoever starts next sees that nobody guards its server.
                os.close(watchdog_lock)
                return


def main() -> None:
    """Detach from the starter and guard."""
    data_dir, watchdog_lock = Path(sys.argv[1]), int(sys.argv[2])
    if os.fork():
        os._exit(0)
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, lambda _signal, _frame: prune_logs(data_dir))
    signal.setitimer(signal.ITIMER_REAL, PRUNE_SECONDS, PRUNE_SECONDS)
    guard(data_dir, watchdog_lock)


if __name__ == "__main__":
    main()
