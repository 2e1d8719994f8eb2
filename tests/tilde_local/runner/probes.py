"""Attempts to break out of a container. Runs inside: the text of this file is given to `python -c`.

A probe returns what it managed to do, which is nothing where the isolation holds. What it looks for stands in the
variable PROBE_FACTS, as JSON.
"""

# What is tried here are the calls of the system.
# ruff: noqa: PTH100, PTH101, PTH103, PTH110, PTH111, PTH116, PTH118, PTH119, PTH120, PTH123, PTH207, PTH208

from __future__ import annotations

import contextlib
import ctypes
import errno
import glob
import json
import os
import platform
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

FACTS: dict[str, Any] = json.loads(os.environ.get("PROBE_FACTS", "{}"))
PROBES: dict[str, Callable[[], list[str]]] = {}

libc = ctypes.CDLL(None, use_errno=True)
X86 = platform.machine() == "x86_64"


def probe(function: Callable[[], list[str]]) -> Callable[[], list[str]]:
    PROBES[function.__name__] = function
    return function


def managed(what: str, action: Callable[..., object], *arguments: object) -> list[str]:
    """`what`, if the action does not fail with OSError."""
    try:
        action(*arguments)
    except OSError:
        return []
    return [what]


def call(what: str, *arguments: object) -> list[str]:
    """`what`, if the C function `arguments[0]`, or the system call of that number, succeeds."""
    first, *rest = arguments
    function = libc.syscall if isinstance(first, int) else getattr(libc, str(first))
    prepared = [first, *rest] if isinstance(first, int) else rest
    result = function(*[ctypes.c_long(each) if isinstance(each, int) else each for each in prepared])
    return [f"{what} ({result})"] if ctypes.c_int(result).value >= 0 else []


def number(x86_64: int, aarch64: int) -> int:
    return x86_64 if X86 else aarch64


def read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(1 << 20)


def write(path: str, text: str) -> None:
    Path(path).write_text(text)


def open_file(path: str, flags: int = os.O_RDONLY) -> None:
    os.close(os.open(path, flags))


def open_socket(family: int, kind: int) -> None:
    socket.socket(family, kind).close()


def connect(address: tuple[str, int] | str) -> None:
    if isinstance(address, tuple):
        socket.create_connection(address, 2).close()
        return
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(address)


def send_datagram(host: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.sendto(b"x", (host, 53))


def pids() -> Iterator[int]:
    yield from (int(name) for name in os.listdir("/proc") if name.isdigit())


@probe
def reading_files_of_the_host() -> list[str]:
    paths = ["/etc/shadow", "/etc/machine-id", "/proc/1/environ", "/var/lib/dpkg/status", *FACTS["host_files"]]
    return [each for path in paths for each in managed(f"read {path}", read, path)]


@probe
def listing_folders_of_the_host() -> list[str]:
    folders = ["/etc/ssl/private", "/boot", "/srv", "/var/log", "/var/lib", "/sys", *FACTS["host_folders"]]
    return [each for path in folders for each in managed(f"list {path}", os.listdir, path)]


@probe
def reading_the_server_s_data() -> list[str]:
    return [each for path in FACTS["data_files"] for each in managed(f"read {path}", read, path)]


@probe
def the_roots_of_processes() -> list[str]:
    """The same through /proc, where other processes, and maybe other roots, can be seen."""
    found = []
    for pid in pids():
        for link in ("root", "cwd"):
            for path in (*FACTS["data_files"], *FACTS["host_files"], "/etc/shadow"):
                found += managed(f"read {path} by way of {pid}", read, f"/proc/{pid}/{link}/{path}")
    return found


@probe
def walking_up_from_every_directory() -> list[str]:
    here = os.stat("/")
    found = []
    for path in ("/proc/self/cwd", "/proc/self/root", *glob.glob("/proc/self/fd/*")):
        try:
            above = os.stat(path + "/.." * 40)
        except OSError:
            continue
        if (above.st_dev, above.st_ino) != (here.st_dev, here.st_ino):
            found.append(f"another root above {path}")
    return found


@probe
def environments_of_the_server() -> list[str]:
    wanted = FACTS["environment"].encode()
    found = [] if wanted.decode() not in {f"{name}={value}" for name, value in os.environ.items()} else ["own"]
    for pid in pids():
        try:
            if wanted in read(f"/proc/{pid}/environ").split(b"\0"):
                found.append(f"that of {pid}")
        except OSError:
            continue
    return found


@probe
def descriptors_of_others() -> list[str]:
    """What the first process and the monitors have open: their control socket and pipes."""
    found = []
    for pid in pids():
        if pid != os.getpid():
            found += managed(f"list those of {pid}", os.listdir, f"/proc/{pid}/fd")
            try:
                pidfd = os.pidfd_open(pid)
            except (OSError, AttributeError):
                continue
            for fd in range(12):
                found += call(f"take {fd} of {pid}", 438, pidfd, fd, 0)
            os.close(pidfd)
    return found


@probe
def looking_into_the_first_process() -> list[str]:
    found = []
    for name in ("environ", "mem", "maps", "auxv", "root", "cwd", "exe", "fd", "ns/net", "ns/mnt", "stack", "syscall"):
        path = f"/proc/1/{name}"
        found += managed(f"open {path}", open_file, path)
    found += managed("write /proc/1/mem", open_file, "/proc/1/mem", os.O_WRONLY)
    found += managed("write /proc/1/oom_score_adj", write, "/proc/1/oom_score_adj", "1000")
    buffer = ctypes.create_string_buffer(16)
    vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 16)
    remote = (ctypes.c_void_p * 2)(0x400000, 16)
    found += call("process_vm_readv", "process_vm_readv", 1, vector, 1, remote, 1, 0)
    for name, request in (("attach", 16), ("seize", 0x4206)):
        found += call(f"ptrace {name}", "ptrace", request, 1, 0, 0)
    return found


@probe
def processes_of_the_host() -> list[str]:
    found = []
    for pid in FACTS["host_pids"]:
        found += managed(f"signal {pid}", os.kill, pid, 0)
    for pid in pids():
        try:
            arguments = read(f"/proc/{pid}/cmdline")
        except OSError:
            continue
        if FACTS["marker"].encode() in arguments and pid != os.getpid():
            found.append(f"see {pid}")
    return found


@probe
def killing_the_first_process() -> list[str]:
    for each in signal.valid_signals():
        with contextlib.suppress(OSError):
            os.kill(1, each)
    return [] if os.path.exists("/proc/1/stat") and os.getppid() != 0 else ["it is gone"]


@probe
def writing_to_programs() -> list[str]:
    import tempfile

    found = []
    targets = ["/usr", "/usr/bin", "/usr/lib", "/etc", "/", "/dev", "/proc", "/run", sys.prefix, sys.base_prefix]
    targets += [os.path.dirname(os.path.abspath(tempfile.__file__)), *FACTS["packages"]]
    for folder in targets:
        found += managed(f"create in {folder}", open_file, f"{folder}/probe", os.O_CREAT | os.O_EXCL)
    files = ["/etc/passwd", "/etc/hosts", "/usr/bin/env", "/bin/sh", os.path.realpath(sys.executable)]
    files += ["/proc/self/exe", "/proc/1/exe", os.path.abspath(tempfile.__file__)]
    for path in files:
        found += managed(f"write {path}", open_file, path, os.O_WRONLY | os.O_APPEND)
        found += managed(f"chmod {path}", os.chmod, path, 0o777)
        found += managed(f"remove {path}", os.unlink, path)
    return found


@probe
def mounting() -> list[str]:
    target, source = b"/tmp/target", b"/"
    os.makedirs(target, exist_ok=True)
    found = []
    for kind in (b"tmpfs", b"proc", b"sysfs", b"devtmpfs", b"devpts", b"mqueue", b"cgroup", b"cgroup2", b"overlay"):
        found += call(f"mount {kind!r}", "mount", kind, target, kind, 0, b"")
    found += call("bind /", "mount", source, target, None, 4096 | 16384, None)
    for path in (b"/", b"/usr", b"/proc/sys", b"/proc", b"/dev/null", b"/sandbox"):
        found += call(f"remount {path!r}", "mount", None, path, None, 32 | 4096, None)
        found += call(f"remount {path!r} itself", "mount", None, path, None, 32, None)
        found += call(f"unmount {path!r}", "umount2", path, 2)
        found += call(f"move {path!r}", "mount", path, target, None, 8192, None)
    found += call("make / shared", "mount", None, b"/", None, (1 << 20) | 16384, None)
    return found


@probe
def mounting_by_the_new_calls() -> list[str]:
    attributes = (ctypes.c_uint64 * 4)(0, 1, 0, 0)
    return [
        *call("open_tree", 428, -100, b"/", 1),
        *call("move_mount", 429, -100, b"/usr", -100, b"/tmp", 0),
        *call("fsopen", 430, b"tmpfs", 0),
        *call("fspick", 433, -100, b"/usr", 0),
        *call("mount_setattr", 442, -100, b"/usr", 0x8000, attributes, 32),
    ]


@probe
def changing_the_root() -> list[str]:
    os.makedirs("/tmp/new/old", exist_ok=True)
    return [
        *managed("chroot", os.chroot, "/tmp/new"),
        *call("pivot_root", number(155, 41), b"/tmp/new", b"/tmp/new/old"),
        *call("pivot_root to here", number(155, 41), b".", b"."),
    ]


@probe
def entering_other_namespaces() -> list[str]:
    found = []
    for pid in pids():
        for name in ("mnt", "pid", "net", "user", "ipc", "uts", "cgroup"):
            path = f"/proc/{pid}/ns/{name}"
            try:
                fd = os.open(path, os.O_RDONLY)
            except OSError:
                continue
            found += call(f"enter {path}", "setns", fd, 0)
            # NS_GET_USERNS and NS_GET_PARENT lead to the host's.
            for request in (0xB701, 0xB702):
                found += call(f"ioctl {request:x} on {path}", "ioctl", fd, request)
            os.close(fd)
    return [each for each in found if "ioctl b701" not in each]


@probe
def making_namespaces() -> list[str]:
    found = []
    for name, flag in (
        ("user", 0x10000000),
        ("mount", 0x20000),
        ("pid", 0x20000000),
        ("net", 0x40000000),
        ("ipc", 0x8000000),
        ("uts", 0x4000000),
        ("cgroup", 0x2000000),
        ("time", 0x80),
    ):
        found += call(f"unshare {name}", "unshare", flag)
        found += call(f"unshare user and {name}", "unshare", flag | 0x10000000)
        # In clone, the number for time means something else.
        result = -1 if name == "time" else libc.syscall(number(56, 220), ctypes.c_long(flag | 17), 0, 0, 0, 0)
        if result == 0:
            os._exit(0)
        found += [f"clone {name}"] if result > 0 else []
    clone3 = (ctypes.c_uint64 * 8)(0x10000000, 0, 0, 0, 17, 0, 0, 0)
    result = libc.syscall(ctypes.c_long(435), clone3, ctypes.c_long(64))
    if result == 0:
        os._exit(0)
    return found + (["clone3"] if result > 0 else [])


@probe
def making_devices() -> list[str]:
    found = []
    for folder in ("/sandbox", "/tmp", "/dev/shm", os.path.expanduser("~")):
        for kind, name in ((stat.S_IFBLK, "block"), (stat.S_IFCHR, "char")):
            for major, minor in ((254, 0), (8, 0), (259, 0), (1, 1), (1, 3), (4, 0), (10, 200), (10, 229)):
                path = f"{folder}/{name}-{major}-{minor}"
                what = f"make {path}"
                found += managed(what, os.mknod, path, kind | 0o666, os.makedev(major, minor))
    return found


@probe
def devices_of_the_host() -> list[str]:
    paths = ["/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/dev/fuse", "/dev/kvm", "/dev/net/tun", "/dev/vda"]
    paths += ["/dev/sda", "/dev/nvme0n1", "/dev/loop-control", "/dev/console", "/dev/tty0", "/dev/vsock", "/dev/rtc0"]
    return [e for p in paths for e in managed(f"open {p}", open_file, p)]


@probe
def unusual_sockets() -> list[str]:
    found = []
    kinds = {"stream": 1, "datagram": 2, "raw": 3, "seqpacket": 5}
    for family in range(1, 46):
        for name, kind in kinds.items():
            usual = family == socket.AF_UNIX or (family in (socket.AF_INET, socket.AF_INET6) and name != "raw")
            if not usual and family != socket.AF_NETLINK:
                what = f"socket family {family} {name}"
                found += managed(what, open_socket, family, kind)
                found += managed(f"pair of {what}", socket.socketpair, family, kind)
    return found


@probe
def ports_of_the_host() -> list[str]:
    found = []
    for port in FACTS["ports"]:
        for host in ("127.0.0.1", "::1", "localhost", *FACTS["addresses"]):
            what = f"connect to {host}:{port}"
            found += managed(what, connect, (host, port))
    return found


@probe
def the_network_outside() -> list[str]:
    found = []
    for host in ("169.254.169.254", "8.8.8.8", "10.0.0.1", "172.17.0.1", "192.168.0.1", "224.0.0.1", "255.255.255.255"):
        found += managed(f"send to {host}", send_datagram, host)
    found += managed("resolve a name", socket.getaddrinfo, "example.com", 80)
    interfaces = [name for _, name in socket.if_nameindex()]
    return found + [f"an interface {name}" for name in interfaces if name not in ("lo", "tunl0", "sit0", "ip6tnl0")]


@probe
def changing_the_network() -> list[str]:
    """An address or a link of one's own, by netlink and by the old calls."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = ctypes.create_string_buffer(b"lo".ljust(16, b"\0") + bytes(24))
        found += call("take lo down", "ioctl", any_socket.fileno(), 0x8914, request)
    message = bytes.fromhex("20000000100005040100000000000000") + bytes(16)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.send(message)
        answer = netlink.recv(4096)
        found += ["make a link"] if int.from_bytes(answer[16:20], "little", signed=True) == 0 else []
    return found


@probe
def sockets_of_the_host() -> list[str]:
    found = []
    for address in FACTS["unix_sockets"]:
        found += managed(f"connect to {address!r}", connect, address)
    return found


@probe
def files_of_other_sandboxes() -> list[str]:
    found = []
    for top in ("/tmp", "/home", "/dev/shm", "/sandbox", "/run", "/var", "/mnt", "/opt", "/root"):
        for folder, _, names in os.walk(top):
            for name in names:
                if FACTS["marker"] in name:
                    found.append(os.path.join(folder, name))
    return found


@probe
def shared_memory_of_the_host() -> list[str]:
    found = [f"see {line.split()[:2]}" for name in ("msg", "sem", "shm") for line in _ipc(name)]
    for name in FACTS["shared_memory"]:
        found += managed(f"open {name}", read, name)
    return found


def _ipc(name: str) -> list[str]:
    return Path(f"/proc/sysvipc/{name}").read_text().splitlines()[1:]


@probe
def memory_that_no_limit_counts() -> list[str]:
    """Segments of System V count for no process and lie in no file system."""
    return call("shmget", "shmget", 0, 1 << 20, 0o1600)


@probe
def settings_of_the_kernel() -> list[str]:
    found = []
    for path in (
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/kernel/hostname",
        "/proc/sys/kernel/randomize_va_space",
        "/proc/sys/fs/binfmt_misc/register",
        "/proc/sys/vm/drop_caches",
        "/proc/sys/vm/overcommit_memory",
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/sys/user/max_user_namespaces",
        "/proc/sysrq-trigger",
        "/proc/self/oom_score_adj",
        "/proc/self/uid_map",
        "/proc/self/gid_map",
        "/proc/self/setgroups",
        "/proc/irq/default_smp_affinity",
    ):
        value = "-1000" if "oom" in path else "0 0 1" if "map" in path else "1"
        found += managed(f"write {path}", write, path, value)
    return found


@probe
def memory_of_the_kernel() -> list[str]:
    found = []
    for name in ("kcore", "kmsg", "kallsyms", "keys", "key-users", "timer_list", "slabinfo", "modules", "iomem"):
        found += [f"read /proc/{name}"] if _has_content(f"/proc/{name}") else []
    buffer = ctypes.create_string_buffer(4096)
    found += call("read the log", "klogctl", 3, buffer, 4096)
    return found


def _has_content(path: str) -> bool:
    try:
        return read(path) != b""
    except OSError:
        return False


@probe
def keyrings() -> list[str]:
    add_key, request_key, keyctl = number(248, 217), number(249, 218), number(250, 219)
    found = []
    for special in (-3, -4, -5):
        found += call(f"add to keyring {special}", add_key, b"user", b"probe", b"x", 1, special)
        found += call(f"describe keyring {special}", keyctl, 6, special, None, 0)
    found += call("request a key", request_key, b"user", FACTS["marker"].encode(), None, 0)
    return found + call("join a keyring", keyctl, 1, None)


@probe
def calls_with_a_record() -> list[str]:
    attributes = ctypes.create_string_buffer(128)
    rings = ctypes.create_string_buffer(120)
    return [
        *call("bpf", number(321, 280), 0, attributes, 128),
        *call("perf_event_open", number(298, 241), attributes, 0, -1, -1, 0),
        *call("userfaultfd", number(323, 282), 1),
        *call("io_uring_setup", 425, 1, rings),
        *call("kexec_load", number(246, 104), 0, 0, None, 0),
        *call("init_module", number(175, 105), attributes, 128, b""),
        *call("swapon", number(167, 224), b"/sandbox/x", 0),
        *call("acct", number(163, 89), None),
        *call("reboot", number(169, 142), 0xFEE1DEAD, 672274793, 0, None),
        *call("iopl", number(172, 10**6), 3),
        *call("quotactl", number(179, 60), 0x800001, None, 0, None),
    ]


@probe
def opening_by_handle() -> list[str]:
    """Where it is allowed, any file of the file system can be had by guessing its number."""
    handle = (ctypes.c_uint32 * 34)(8, 1, 2, 0)
    fd = os.open("/usr", os.O_RDONLY)
    return call("open_by_handle_at", number(304, 265), fd, handle, os.O_RDONLY)


@probe
def becoming_somebody_else() -> list[str]:
    return [
        *managed("setuid 0", os.setuid, 0),
        *managed("setresuid 65534", os.setresuid, 65534, 65534, 65534),
        *managed("setgid 0", os.setgid, 0),
        *managed("setgroups", os.setgroups, [0]),
        *managed("chown", os.chown, "/sandbox", 0, 0),
        *managed("chown to another", os.chown, "/tmp", 65534, 65534),
    ]


@probe
def set_user_id_programs() -> list[str]:
    found = []
    for path in ("/usr/bin/su", "/usr/bin/mount", "/usr/bin/sudo", "/usr/bin/passwd", "/usr/bin/newuidmap"):
        if os.path.exists(path) and not os.statvfs(path).f_flag & os.ST_NOSUID:
            found.append(f"{path} is not on a nosuid mount")
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options, *_ = line.split()
        if "nosuid" not in options.split(","):
            found.append(f"{where} ({kind}) is not nosuid")
    copy = f"{os.environ['TMPDIR']}/probe-su"
    subprocess.run(["cp", "/usr/bin/id", copy], check=True)
    os.chmod(copy, 0o6755)
    identity = subprocess.run([copy], capture_output=True, check=True).stdout
    found += ["an effective user of another kind"] if b"euid" in identity else []
    # PR_GET_NO_NEW_PRIVS
    return found if libc.prctl(39, 0, 0, 0, 0) == 1 else [*found, "new privileges are allowed"]


@probe
def capabilities() -> list[str]:
    fields = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    return [f"{name} {fields[name]}" for name in fields if name.startswith("Cap") and int(fields[name], 16)]


@probe
def capabilities_of_others() -> list[str]:
    """No process here has any, the first one included."""
    found = []
    for pid in pids():
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(("CapPrm", "CapEff", "CapBnd")) and int(line.split()[1], 16):
                found.append(f"{pid}: {line}")
    return found


@probe
def the_name_and_clock_of_the_host() -> list[str]:
    import time

    return [
        *managed("set the host name", socket.sethostname, "probe"),
        *managed("set the clock", time.clock_settime, time.CLOCK_REALTIME, time.time()),
        *managed("real-time priority", os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1)),
        *managed("a higher priority", os.setpriority, os.PRIO_PROCESS, 0, -5),
    ]


@probe
def typing_into_terminals() -> list[str]:
    import fcntl
    import termios

    found = managed("open a terminal", open_file, "/dev/tty", os.O_RDWR)
    mine, _ = os.openpty()
    for fd in (0, 1, 2, mine):
        found += managed(f"TIOCSTI on {fd}", fcntl.ioctl, fd, termios.TIOCSTI, b"x")
        found += managed(f"TIOCLINUX on {fd}", fcntl.ioctl, fd, 0x541C, b"\x02" + bytes(15))
    # The host's terminals would have their numbers here too.
    others = [name for name in os.listdir("/dev/pts") if name not in ("ptmx", os.path.basename(os.ttyname(_)))]
    return found + [f"see the terminal {name}" for name in others]


@probe
def control_groups() -> list[str]:
    found = managed("list", os.listdir, "/sys/fs/cgroup")
    for path in glob.glob("/sys/fs/cgroup/**/release_agent", recursive=True):
        found += managed(f"write {path}", write, path, "/sandbox/x")
    lines = Path("/proc/self/cgroup").read_text().split()
    return found + [f"see the host's group {line}" for line in lines if line.rsplit(":", 1)[1] not in ("/", "")]


@probe
def linking_files_of_the_host_into_the_mount() -> list[str]:
    found = []
    for path in ("/etc/passwd", "/usr/bin/env", "/proc/self/environ", "/dev/null", *FACTS["data_files"]):
        found += managed(f"link {path}", os.link, path, f"/sandbox/{os.path.basename(path)}-link")
        found += managed(f"rename {path}", os.rename, path, "/sandbox/moved")
    return found


@probe
def forging_marks_of_the_overlay() -> list[str]:
    """Marks in the upper layer say what was deleted, and where a file really lies."""
    os.makedirs("/sandbox/forged", exist_ok=True)
    found = managed("make a whiteout", os.mknod, "/sandbox/whiteout", stat.S_IFCHR | 0o666, os.makedev(0, 0))
    for name in ("opaque", "whiteout", "redirect", "metacopy", "origin", "upper"):
        for value in (b"y", b"x", b"/etc"):
            for prefix in ("trusted", "security"):
                what = f"set {prefix}.overlay.{name}"
                attribute = f"{prefix}.overlay.{name}"
                found += managed(what, os.setxattr, "/sandbox/forged", attribute, value)
            try:
                os.setxattr("/sandbox/forged", f"user.overlay.{name}", value)
            except OSError:
                continue
    return found


@probe
def the_layers_of_the_overlay() -> list[str]:
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, _ = line.partition(" - ")
        where = before.split()[4].replace("\\040", " ")
        for name in ("upper", "lower", "written"):
            found += managed(f"list {where}/{name}", os.listdir, f"{where}/{name}")
    return found + managed("list the tree", os.listdir, FACTS["tree"])


@probe
def reading_files_past_their_mode() -> list[str]:
    """The user of the container is an ordinary one here too."""
    found = []
    for folder in ("/tmp", "/sandbox"):
        path = f"{folder}/mine"
        with open(path, "w") as file:
            file.write("x")
        os.chmod(path, 0)
        found += managed(f"read {path}", read, path)
    return found


@probe
def other_numbers_of_calls() -> list[str]:
    """On x86-64 the same calls have other numbers for 32-bit pointers, which a filter may have forgotten."""
    if not X86:
        return []
    result = libc.syscall(ctypes.c_long(0x40000000 + 39))
    return ["getpid as x32"] if result > 0 and ctypes.get_errno() != errno.ENOSYS else []


if __name__ == "__main__":
    print(json.dumps(PROBES[sys.argv[1]]()))
