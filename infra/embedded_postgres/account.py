"""The operating-system account that the server runs under, and what it may reach."""

import os
import pwd
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

UNPRIVILEGED = ("postgres", "nobody")
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C"}
# The shell, not the program, keeps the lock on its standard input: a server that inherited it would never let go.
HOLD_LOCK_AND_RUN = '"$@" </dev/null; exit $?'
FIRST_CLOSED = 'for d; do cd -- "$d" 2>/dev/null || { printf %s "$d"; exit 1; }; done'


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot be used; the message is one line that ends with a remedy."""


def one_line(output: str, lines: int = 5) -> str:
    """Return the last lines of a program's output on one line."""
    return " | ".join(line.strip() for line in output.strip().splitlines()[-lines:])


@dataclass(frozen=True)
class Account:
    """A user of this machine; `switched` says that it is not the one we run as."""

    name: str
    uid: int
    gid: int
    switched: bool

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        holding: int = subprocess.DEVNULL,
        output: int | IO[bytes] = subprocess.PIPE,
        environment: Mapping[str, str] = ENVIRONMENT,
    ) -> tuple[int, str]:
        """Run a program as this account, in a session of its own, and return its exit status and captured output.

        The lock open at `holding` stays held until the program ends, even if we are killed before.
        """
        process = subprocess.Popen(
            ["/bin/sh", "-c", HOLD_LOCK_AND_RUN, "sh", *argv],
            stdin=holding,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=environment,
            start_new_session=True,
            user=self.uid if self.switched else None,
            group=self.gid if self.switched else None,
            extra_groups=[] if self.switched else None,
        )
        with process:
            captured, _ = process.communicate()
        return process.returncode, (captured or b"").decode(errors="replace")

    def first_closed(self, directories: Iterable[Path]) -> Path | None:
        """Return the first of the directories that this account may not enter."""
        _, closed = self.run(["/bin/sh", "-c", FIRST_CLOSED, "sh", *directories])
        return Path(closed) if closed else None

    def own_directory(self, path: Path) -> Path:
        """Make a directory that only this account may enter, or check that an existing one is; returns its path.

        Raises EmbeddedPostgresError where it is a link, somebody else's or open to others.
        """
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            status = path.lstat()
            ours = status.st_uid in (self.uid, os.geteuid())
            if not ours or status.st_mode & 0o170077 != 0o040000:
                raise EmbeddedPostgresError(
                    f"{path} is not a private directory of {self.name}; remove it and start again"
                ) from None
        path.chmod(0o700)
        os.chown(path, self.uid, self.gid)
        return path


def server_account() -> Account:
    """Return the account to run PostgreSQL as: ourselves, or for root an unprivileged user. EmbeddedPostgresError."""
    if os.geteuid() != 0:
        return Account(f"uid {os.geteuid()}", os.geteuid(), os.getegid(), switched=False)
    for name in UNPRIVILEGED:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid, switched=True)
    raise EmbeddedPostgresError("PostgreSQL does not run as root and there is no user postgres or nobody; add one")
