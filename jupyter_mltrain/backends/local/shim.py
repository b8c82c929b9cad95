"""The parent of one run of a replica: a small program of its own, what containerd-shim is to a container.

Started by :func:`replica.launch` as ``python -I -S shim.py FOLDER FD`` in a session of its own, it outlives the
supervisor. One file, and the lightest part of the standard library only: it starts in a few hundredths of a second and
every running replica has one. Nothing of the package may be imported here; others import from here.

In ``FOLDER``:

``control``
    A FIFO, inherited open as descriptor ``FD``. While the shim lives it has a reader, so an open for writing that
    fails with ENXIO means that the shim is gone: no process id is ever trusted. ``t`` asks for a stop with grace, ``k``
    kills.
``spec.json``
    What to run: see :class:`replica.ReplicaSpec`. Removed once read, for the environment may hold secrets.
``started.json``, ``exit.json``
    Written whole or not at all, into space that is reserved before the command starts.
``log/log.<offset of its first byte, 20 digits>``
    Output, stdout and stderr together. Each segment ends with a whole line.

As a child subreaper (Linux) the shim inherits whatever the command leaves behind, so it can wait until no descendant is
left, daemons in other sessions included. Where there is no subreaper only the process group is ended.
"""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import sys
import time

TYPE_CHECKING = False  # as type checkers know it, without the import
if TYPE_CHECKING:
    from typing import Any, NoReturn

READ_SIZE = 256 * 1024
LINE_LIMIT = 1024 * 1024  # a longer line is broken; more than any record of the runner
RECORD_SIZE = 4096
MESSAGE_LIMIT = 500  # characters: six bytes each as JSON still fit the reserved record
SAMPLE_SECONDS = 0.1
LONGEST_SLEEP = 86400.0  # seconds; poll and epoll count milliseconds in 32 bits

START_ERROR = 128  # the exit code that Kubernetes reports with reason StartError
LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h


def ring(path: str) -> bool:
    """Wake the owner of the bell at ``path``; ``False`` when nobody listens. Never blocks."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        os.write(fd, b"\0")
    except OSError as error:
        return error.errno == errno.EAGAIN  # full of rings already: the owner will wake up
    finally:
        os.close(fd)
    return True


def ring_all(folder: str) -> int:
    """Ring every bell in a folder, remove those whose owners are gone, and return how many were heard."""
    heard = 0
    try:
        names = [name for name in os.listdir(folder) if not name.startswith(".")]
    except OSError:
        return 0
    for name in names:
        path = os.path.join(folder, name)
        if ring(path):
            heard += 1
        else:
            try:
                os.unlink(path)
            except OSError:
                pass
    return heard


class Record:
    """A JSON file that appears whole, even on a disk that has filled up since it was reserved."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.reserve = path + ".reserve"
        self.fd = os.open(self.reserve, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self.fd, 0, RECORD_SIZE)
        else:
            os.write(self.fd, b" " * RECORD_SIZE)

    def write(self, content: dict[str, Any], *, durable: bool) -> None:
        """Fill the record, let it outlast a loss of power if asked to, and show it under its name."""
        os.pwrite(self.fd, json.dumps(content).encode().ljust(RECORD_SIZE), 0)
        if durable:
            os.fsync(self.fd)
        os.close(self.fd)
        os.rename(self.reserve, self.path)
        if durable:
            folder = os.open(os.path.dirname(self.path), os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)


class Log:
    """Segments of whole lines, named by the offset at which they start, the oldest removed.

    Offsets only grow, so a reader's position stays good across rotation. A full disk loses lines, never the replica:
    what was cut in the middle of a line is taken back, and once there is space a note says how much is missing.
    """

    def __init__(self, folder: str, max_bytes: int, backups: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self.backups = backups
        self.start = 0  # offset of the segment
        self.size = 0  # bytes in the segment
        self.whole = 0  # ... of which whole lines
        self.lost = 0  # bytes dropped since the last note
        self.cut = False  # the last byte dropped was not the end of a line
        self.fd = self._open()

    def _open(self) -> int:
        name = f"log.{self.start + self.size:020d}"
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND
        return os.open(os.path.join(self.folder, name), flags, 0o600)

    def write(self, data: bytes) -> None:
        """Append output, changing segments where a line ends past the size limit."""
        while data:
            end = data.find(b"\n", max(0, self.max_bytes - self.size - 1)) + 1
            if not end or self.size + len(data) < self.max_bytes:
                self._append(data)
                break
            self._append(data[:end])
            self._rotate()
            data = data[end:]
        if self.size - self.whole > LINE_LIMIT:
            self._append(b"\n")

    def close(self) -> None:
        """Say what was lost, if there is space to say it by now."""
        self.cut = False
        self._append(b"")
        os.close(self.fd)

    def _append(self, data: bytes) -> None:
        if self.cut:
            data = self._skip_line(data)
            if self.cut:
                return
        note = b"[jupyter_mltrain: the disk was full, %d bytes of output are lost]\n" % self.lost if self.lost else b""
        try:
            rest = memoryview(note + data)
            while rest:
                rest = rest[os.write(self.fd, rest) :]
        except OSError:
            os.ftruncate(self.fd, self.whole)
            self.lost += self.size - self.whole + len(data)
            self.cut = not data.endswith(b"\n")
            self.size = self.whole
            return
        self.lost = 0
        self.size += len(note) + len(data)
        if newline := data.rfind(b"\n") + 1:
            self.whole = self.size - len(data) + newline

    def _skip_line(self, data: bytes) -> bytes:
        """Drop the rest of a line whose beginning is lost."""
        end = data.find(b"\n") + 1
        self.cut = not end
        self.lost += end or len(data)
        return data[end:]

    def _rotate(self) -> None:
        try:
            for name in sorted(os.listdir(self.folder))[: -self.backups or None]:
                os.unlink(os.path.join(self.folder, name))
            fd = self._open()
        except OSError:
            return  # a full disk again, or the folder is gone: this segment grows until there can be another
        os.close(self.fd)
        self.fd = fd
        self.start += self.size
        self.size = self.whole = 0


def children(pid: int) -> list[int]:
    """Return the children of a process, as the kernel lists them by thread."""
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += map(int, file.read().split())
    except OSError:
        pass  # it has just ended; its children are the shim's by now
    return found


def children_by_search(pid: int) -> list[int]:
    """Return the children of a process where the kernel has no such list: the slow way, through all processes."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc") if LINUX else []):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                parent = file.read().rpartition(b")")[2].split()[1]  # the name before it may hold anything
        except OSError:
            continue
        if int(parent) == pid:
            found.append(int(name))
    return found


def descendants(pid: int) -> list[int]:
    """Return all processes below one, parents first; none where there is no /proc."""
    listed = os.path.exists(f"/proc/{pid}/task/{pid}/children")
    find = children if listed else children_by_search
    found = find(pid)
    for each in found:
        found += find(each)
    return found


def resident(pid: int) -> int:
    """Return the resident memory of a process in bytes, shared pages counted in full; 0 if it is gone."""
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def proportional(pid: int) -> int:
    """Return the memory of a process in bytes, each shared page divided by the number of its users."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:")), 0)
    except OSError:
        return resident(pid)


def signal_quietly(pid: int, number: int) -> None:
    """Send a signal to a process (a group, if negative) that may be gone or another user's by now."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def clock() -> float:
    """Return seconds that no one can set back and that go on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def why_not(program: str, env: dict[str, str], error: OSError) -> str:
    """Say why a program could not be started."""
    folders = [""] if "/" in program else env.get("PATH", os.defpath).split(os.pathsep)
    exists = any(os.path.exists(os.path.join(folder, program)) for folder in folders)
    if not exists and "/" not in program:
        return "executable file not found in $PATH"
    if exists and isinstance(error, FileNotFoundError):
        return "the interpreter in its first line does not exist"
    return (error.strerror or str(error)).lower()


def size(count: int) -> str:
    """Return a number of bytes as a manifest says it, such as ``300Mi``."""
    for exponent, unit in ((3, "Gi"), (2, "Mi"), (1, "Ki")):
        if count and count % 1024**exponent == 0:
            return f"{count // 1024**exponent}{unit}"
    return f"{count} bytes"


def signal_name(number: int) -> str:
    """Return what a signal is called, such as ``SIGSEGV (Segmentation fault)``."""
    try:
        return f"{signal.Signals(number).name} ({signal.strsignal(number)})"
    except ValueError:  # a real-time signal
        return f"signal {number}"


class Memory:
    """Watches the memory limit of the process tree.

    In a control group the kernel holds the limit; one without a limit is only joined. Where there is none nobody
    tells when memory is taken, so the tree is measured every tenth of a second: the cheap sum first, the exact one
    (shared pages counted once) only when that is too much.
    """

    def __init__(self, limit: int | None, cgroup: dict[str, str] | None) -> None:
        self.limit = limit
        self.cgroup = cgroup
        self.peak = 0
        self.exceeded = False
        self.fd = -1
        if cgroup and cgroup.get("control"):  # version 1 kills one process and leaves the rest to us
            self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            self._events = os.open(cgroup["events"], os.O_RDONLY)
            with open(cgroup["control"], "w") as file:
                file.write(f"{self.fd} {self._events}")

    @property
    def sampled(self) -> bool:
        """Whether :meth:`sample` is to be called again and again."""
        return LINUX and self.limit is not None and self.cgroup is None

    def join(self) -> None:
        """Put the calling process under the limit."""
        if not self.cgroup:
            return
        try:
            with open(self.cgroup["procs"], "w") as file:
                file.write("0")
        except OSError:
            if self.limit is not None:
                raise

    def sample(self) -> bool:
        """Measure the tree and return whether it is over the limit."""
        pids = descendants(os.getpid())
        used = sum(map(resident, pids))
        if self.limit is not None and used > self.limit:
            used = sum(map(proportional, pids))
            self.exceeded = self.exceeded or used > self.limit
        self.peak = max(self.peak, used)
        return self.exceeded

    def finish(self) -> None:
        """Read what the control group has counted and remove it."""
        if not self.cgroup:
            return
        try:
            if self.limit is not None:
                self._read_counts(self.cgroup)
            os.rmdir(os.path.dirname(self.cgroup["procs"]))
        except OSError:
            pass  # an old kernel does not count; a leftover group is removed by replica.reap_lost

    def _read_counts(self, cgroup: dict[str, str]) -> None:
        with open(cgroup["events"]) as file:
            kills = [int(line.split()[1]) for line in file if line.startswith("oom_kill ")]
        self.exceeded = self.exceeded or any(kills)
        with open(cgroup["peak"]) as file:
            self.peak = max(self.peak, int(file.read()))


class Shim:
    """One run, from the start of its command to its exit record."""

    def __init__(self, folder: str, control: int) -> None:
        self.folder = folder
        self.control = control
        os.set_inheritable(control, False)
        self.started_record = Record(os.path.join(folder, "started.json"))
        self.exit_record = Record(os.path.join(folder, "exit.json"))
        path = os.path.join(folder, "spec.json")
        with open(path) as file:
            self.spec = json.load(file)
        os.unlink(path)
        log = self.spec["log"]
        self.log = Log(log["folder"], log["max_bytes"], log["backups"])
        self.memory = Memory(self.spec["memory_limit"], self.spec["cgroup"])
        self.prctl = self._become_subreaper()
        self.wakeup = self._catch_signals()
        self.output, self.output_end = os.pipe()
        os.set_blocking(self.output, False)
        self.main = 0
        self.status: int | None = None  # of the command, as wait() has it
        self.deadline: float | None = None  # of the grace period
        self.killed = False
        self.cpu_seconds = 0.0
        self.started_at = time.time()
        self.started_clock = clock()

    def run(self) -> None:
        """Start the command, stand by it, and record its end."""
        error = self._start()
        if error:
            self.memory.finish()
            self._record_exit(START_ERROR, None, "StartError", error)
            return
        started = {"pid": self.main, "shim_pid": os.getpid(), "started_at": self.started_at}
        self.started_record.write(started, durable=False)
        self._ring()
        self._stand_by()
        self._end_all()
        self._copy_output()
        self.memory.finish()
        self._record_exit(*self._verdict())

    # The start

    def _become_subreaper(self) -> Any:
        if not LINUX:
            return None
        import ctypes

        prctl = ctypes.CDLL(None).prctl
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        return prctl

    def _catch_signals(self) -> int:
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])  # the launcher blocked them until here
        return reader

    def _start(self) -> str:
        """Start the command; return why it could not be started, or nothing."""
        reader, writer = os.pipe()
        shim = os.getpid()
        self.main = os.fork()
        if self.main == 0:
            os.close(reader)
            self._become_command(shim, writer)
        os.close(writer)
        os.close(self.output_end)
        with open(reader, encoding="utf-8") as file:
            error = file.read()
        if error:
            os.waitpid(self.main, 0)
        return error

    def _become_command(self, shim: int, errors: int) -> NoReturn:
        spec = self.spec
        try:
            os.setpgid(0, 0)
            if self.prctl:
                self.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
                if os.getppid() != shim:
                    os._exit(START_ERROR)
            self.memory.join()
            if spec["cpus"] and LINUX:
                os.sched_setaffinity(0, spec["cpus"])
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(self.output_end, 1)
            os.dup2(self.output_end, 2)
            for number in (signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            self._exec()
        except BaseException as error:  # noqa: BLE001 - this process may not go on as a second shim
            os.write(errors, f"The replica could not be started: {error}".encode())
        os._exit(START_ERROR)

    def _exec(self) -> None:
        """Become the command, or raise an error in the words that a container runtime uses."""
        spec = self.spec
        program = spec["argv"][0]
        try:
            os.chdir(spec["cwd"])
        except OSError as error:
            raise RuntimeError(f"working directory {spec['cwd']!r}: {error.strerror}") from None
        try:
            os.execvpe(program, spec["argv"], spec["env"])  # noqa: S606
        except OSError as error:
            raise RuntimeError(f'exec: "{program}": {why_not(program, spec["env"], error)}') from None

    # Standing by

    def _stand_by(self) -> None:
        """Copy output, pass signals on, hold limits, until the command has ended."""
        poller = select.poll()
        for fd in (self.wakeup, self.control, self.output, self.memory.fd):
            if fd >= 0:
                poller.register(fd, select.POLLIN)
        self._reap()
        while self.status is None:
            for fd, _ in poller.poll(self._timeout()):
                if fd == self.wakeup:
                    self._obey(os.read(fd, 4096).translate(None, bytes([signal.SIGCHLD])))
                elif fd == self.control:
                    self._obey(os.read(fd, 4096))
                elif fd == self.memory.fd:
                    self.memory.exceeded = True
                    self._kill()
                elif not self._copy_some():
                    poller.unregister(fd)
            if self.memory.sampled and self.memory.sample():
                self._kill()
            if self.deadline is not None and clock() >= self.deadline and not self.killed:
                self._kill()
            self._reap()

    def _timeout(self) -> float | None:
        """Return for how many milliseconds to sleep when nothing happens."""
        waits = [SAMPLE_SECONDS] if self.memory.sampled else []
        if self.deadline is not None and not self.killed:
            waits.append(max(0.0, self.deadline - clock()))
        return min(*waits, LONGEST_SLEEP) * 1000 + 1 if waits else None

    def _obey(self, requests: bytes) -> None:
        for request in requests:
            if request in (signal.SIGUSR1, ord("k")) or (request == signal.SIGTERM and self.deadline is not None):
                self._kill()
            elif self.deadline is None:
                self.deadline = clock() + self.spec["grace_seconds"]
                signal_quietly(-self.main, signal.SIGTERM)

    def _kill(self) -> None:
        """Kill the command; the rest of the tree goes as it always does at the command's end."""
        self.killed = True
        signal_quietly(self.main, signal.SIGKILL)

    def _reap(self) -> bool:
        """Take in the ended children; return whether there are others."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            self.cpu_seconds += usage.ru_utime + usage.ru_stime
            self.memory.peak = max(self.memory.peak, usage.ru_maxrss * (1024 if LINUX else 1))
            if pid == self.main:
                self.status = status

    # The end

    def _end_all(self) -> None:
        """Kill what the command has left behind, until no descendant is left."""
        poller = select.poll()
        poller.register(self.wakeup, select.POLLIN)
        while self._reap():
            stopped: set[int] = set()
            while fresh := set(descendants(os.getpid())) - stopped:
                for pid in fresh:  # what is stopped cannot fork away from under our hands
                    signal_quietly(pid, signal.SIGSTOP)
                stopped |= fresh
            for pid in stopped:
                signal_quietly(pid, signal.SIGKILL)
            if poller.poll(100):
                os.read(self.wakeup, 4096)
        if not LINUX:
            signal_quietly(-self.main, signal.SIGKILL)

    def _copy_some(self) -> bool:
        """Copy what output there is to the log; return whether there can be more."""
        try:
            data = os.read(self.output, READ_SIZE)
        except BlockingIOError:
            return True
        self.log.write(data)
        ring_all(self.spec["log"]["followers"])
        return bool(data)

    def _copy_output(self) -> None:
        """Copy what is left in the pipe. Nobody of ours can write any more, so there is nothing to wait for."""
        try:
            while data := os.read(self.output, READ_SIZE):
                self.log.write(data)
        except BlockingIOError:
            pass  # some other process of the machine got hold of the pipe
        self.log.close()

    def _verdict(self) -> tuple[int, int | None, str, str]:
        """Return exit code, signal, reason and message."""
        code = os.waitstatus_to_exitcode(self.status or 0)
        number = -code if code < 0 else None
        if number:
            code = 128 + number
        if self.memory.exceeded and code != 0:
            limit = self.spec["memory_limit"]
            return 128 + signal.SIGKILL, signal.SIGKILL, "OOMKilled", f"more memory than the limit of {size(limit)}"
        if number:
            return code, number, "Error", f"ended by {signal_name(number)}"
        return code, None, "Error" if code else "Completed", ""

    def _record_exit(self, code: int, number: int | None, reason: str, message: str) -> None:
        record = {
            "exit_code": code,
            "signal": number,
            "reason": reason,
            "message": message[:MESSAGE_LIMIT],
            "peak_memory": self.memory.peak or None,
            "cpu_seconds": round(self.cpu_seconds, 3),
            "started_at": self.started_at,
            "finished_at": self.started_at + clock() - self.started_clock,
        }
        self.exit_record.write(record, durable=True)
        self._ring()

    def _ring(self) -> None:
        for bell in self.spec["bells"]:
            ring(bell)
        ring_all(self.spec["log"]["followers"])


def main(folder: str, control: int) -> None:
    """Run the shim with no other file of its launcher open: somebody may wait for the end of one of those."""
    os.closerange(3, control)
    os.closerange(control + 1, os.sysconf("SC_OPEN_MAX"))
    Shim(folder, control).run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
