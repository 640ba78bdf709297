"""A child never outlives its parent: the kernel's death signal on Linux, a watched pipe elsewhere.

Runs alone on the standard library (`python -ISB launcher.py PARENT PIPE SIGNAL OWNER COMMAND...`), so that nothing
happens between fork and exec in a process with threads. PIPE is `-` (let the kernel watch PARENT) or the descriptor
of a pipe whose other end only the parent holds; OWNER is `-` or `UID:GID:CAPABILITY`, CAPABILITY may be `-`.
"""

import ctypes
import os
import select
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAPABILITY_VERSION_3 = 0x20080522
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
GRACE_SECONDS = 5.0
NOT_STARTED = 127


def check(outcome: int) -> None:
    if outcome != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def become(owner: str) -> None:
    """Drop root; keep at most one Linux capability, which the program after exec still has (capabilities(7))."""
    uid, gid, capability = owner.split(":")
    libc = ctypes.CDLL(None, use_errno=True)
    # Kept through setuid, and counted by access(2) too: initdb asks that of every program it is about to start.
    if capability != "-" and libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) != 0:
        check(libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
    os.setgroups([])
    os.setgid(int(gid))
    os.setuid(int(uid))
    if capability != "-":
        bit = 1 << int(capability)
        check(libc.capset((ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)(bit, bit, bit)))
        check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, int(capability), 0, 0))


def run(owner: str, command: list[str]) -> None:
    if owner != "-":
        become(owner)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and exec would hand that on
        signal.signal(number, signal.SIG_DFL)
    os.execv(command[0], command)  # noqa: S606 - becoming that program is the purpose


def die_with(parent: int, number: int) -> None:
    """Ask the kernel for the signal `number` when the parent dies; after `become`, which would clear the wish."""
    check(ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0))
    if os.getppid() != parent:
        sys.exit(NOT_STARTED)


def end_like(status: int) -> None:
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


def keep(pipe: int, number: int, owner: str, command: list[str]) -> None:
    """Stand between parent and child: forward signals down, the exit code up, and end the child when the pipe ends."""
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told)
    for each in (*FORWARDED, signal.SIGCHLD):
        signal.signal(each, lambda *_: None)
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        for each in (*FORWARDED, signal.SIGCHLD):
            signal.signal(each, signal.SIG_DFL)
        os.close(pipe)
        run(owner, command)
    watched, deadline = [heard, pipe], None
    while True:
        ready, _, _ = select.select(watched, [], [], deadline and max(0.0, deadline - time.monotonic()))
        if not ready:
            os.killpg(0, signal.SIGKILL)
        if pipe in ready:
            watched, deadline = [heard], time.monotonic() + GRACE_SECONDS
            os.kill(child, number)
        for arrived in os.read(heard, 64) if heard in ready else b"":
            if arrived != signal.SIGCHLD:
                os.kill(child, arrived)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            end_like(status)


def main(arguments: list[str]) -> None:
    parent, pipe, number, owner, *command = arguments
    try:
        if pipe != "-":
            keep(int(pipe), int(number), owner, command)
        if owner != "-":
            become(owner)
        die_with(int(parent), int(number))
        run("-", command)
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error}\n")
        sys.exit(NOT_STARTED)


if __name__ == "__main__":
    main(sys.argv[1:])
