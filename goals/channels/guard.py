"""What a process that sends to addresses of users may connect to, start and open.

`guard_process` adds a hook that Python asks before each of these, in every library, and
that nothing takes away again. A name is resolved before: the hook sees the address that
is connected to, whatever the name meant when it was looked at.
"""

import os
import socket
import sys
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, NoReturn

NAT64 = ip_network("64:ff9b::/96")
IPV4_COMPATIBLE = ip_network("::/96")
# Not private by their registration, and answered inside of a cloud: metadata
# (192.0.0.192), Azure's wire server.
OF_CLOUDS = (ip_network("192.0.0.0/24"), ip_network("168.63.129.16/32"))
NOBODYS = "192.0.2.1"  # of documentation (RFC 5737)
STARTS_A_PROGRAM = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.system",
        "pty.spawn",
        "subprocess.Popen",
    }
)
LOCAL_LOG = frozenset({"syslog.openlog", "syslog.syslog"})
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
DEVICES = ("/dev/null", "/dev/urandom", "/dev/random")
PRIVATE = (
    "The address is not on the internet: private, loopback and link-local targets, and "
    "this machine's own, are refused. The operator may allow them: "
    "MASTERTRADE_ALLOW_PRIVATE_TARGETS=1."
)
# What was refused since it was last cleared: libraries may swallow the exception.
refusals: list[str] = []


class TargetRefused(OSError):
    """It was not connected to, started or opened; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def is_public(host: str) -> bool:
    """Whether an address (no name) is one on the internet.

    One that holds an IPv4 address (mapped, compatible, 6to4, Teredo, NAT64) is what
    that one is.
    """
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return _is_public(address)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        inner = _inner_addresses(address)
        if inner:
            return all(_is_public(one) for one in inner)
        if address.is_site_local:
            return False
    if any(address in network for network in OF_CLOUDS):
        return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
    )


def _inner_addresses(address: IPv6Address) -> list[IPv4Address]:
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return list(address.teredo)
    if address in NAT64 or address in IPV4_COMPATIBLE:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    return []


def is_own(host: str) -> bool:
    """Whether this machine has the address, so that no firewall is on the way to it."""
    return _can_bind(host) and not _can_bind(NOBODYS)  # some may bind any


def _can_bind(host: str) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True


def guard_process(*, private_targets: bool) -> None:
    """From now on: others' public targets only (unless private ones are allowed, too),
    no other program, no log of this machine, no file but Python's own.
    """
    sys.dont_write_bytecode = True
    readable = _readable_folders()

    def refuse(reason: str) -> NoReturn:
        refusals.append(reason)
        raise TargetRefused(reason)

    def judge(event: str, arguments: tuple[Any, ...]) -> None:
        if event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
            target = arguments[1]
            if target is None:  # connected already, and judged then
                return
            if not isinstance(target, tuple):  # of a Unix socket, say
                refuse("Only addresses of the internet are connected to.")
            host = str(target[0])
            if private_targets and _is_address(host):
                return
            if not is_public(host) or is_own(host):
                refuse(PRIVATE)
        elif event in STARTS_A_PROGRAM:
            refuse("No program is started for an alert.")
        elif event in LOCAL_LOG:
            refuse("The log of this machine is no channel.")
        elif event == "open" and not _may_open(arguments, readable):
            refuse("No file of this machine is read or written for an alert.")

    sys.addaudithook(judge)


def _is_address(host: str) -> bool:
    """No name: that would be resolved behind the hook."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _readable_folders() -> tuple[str, ...]:
    """Where Python, its packages, time zones and certificates are."""
    named = [os.environ[one] for one in ("SSL_CERT_FILE",) if one in os.environ]
    folders = [sys.prefix, sys.base_prefix, "/usr", "/etc/ssl", "/etc/pki"]
    channels = os.path.dirname(os.path.abspath(__file__))
    found = [*folders, channels, *named]
    return tuple({os.path.realpath(one) for one in found} | {*found})


def _may_open(arguments: tuple[Any, ...], readable: tuple[str, ...]) -> bool:
    path, _, flags = arguments
    if isinstance(path, int) or path in DEVICES:
        return True
    if isinstance(flags, int) and flags & WRITES:
        return False
    whole = os.path.realpath(os.fsdecode(path))
    return any(whole == one or whole.startswith(f"{one}/") for one in readable)
