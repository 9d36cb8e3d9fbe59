"""What counts as public, and which of apprise's services are local."""

import inspect
import subprocess
import sys
import warnings

import pytest

from goals.channels import CHANNELS
from goals.channels.apprise import LOCAL
from goals.channels.guard import is_own, is_public
from goals.channels.senders import ROOT
from goals.enums import ChannelKind
from mastertrade.values.exceptions import InvalidInput


@pytest.mark.parametrize(
    "host",
    [
        "93.184.215.14",
        "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
        "::ffff:93.184.215.14",
        "64:ff9b::5db8:d70e",
        "2002:5db8:d70e::1",
    ],
)
def test_a_machine_on_the_internet_is_public(host):
    assert is_public(host)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "192.0.0.192",
        "168.63.129.16",
        "::ffff:168.63.129.16",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::1",
        "2001:0:7f00:1::1",
        "localhost",
        "example.com",
        "",
        "0x7f000001",
        "2130706433",
    ],
)
def test_what_is_not_on_the_internet_or_no_address_is_not_public(host):
    assert not is_public(host)


def test_this_machines_addresses_are_its_own():
    assert is_own("127.0.0.1")
    assert not is_own("192.0.2.1")
    assert not is_own("2606:2800:21f:cb07:6820:80da:af6b:8b2c")


def schemes_that_act_locally():
    """Of every plugin of apprise's whose code talks to the desktop or its log."""
    from apprise.manager_plugins import NotificationManager

    manager = NotificationManager()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its plugins' imports
        manager.load_modules()
    words = (
        "import dbus",
        "import syslog",
        "from gi.repository",
        "import subprocess",
        "win32",
        "from blink1",
    )
    for plugin in manager.plugins():
        code = inspect.getsource(inspect.getmodule(plugin))
        if any(word in code for word in words):
            for name in ("protocol", "secure_protocol"):
                value = getattr(plugin, name, None) or ()
                yield from (value,) if isinstance(value, str) else value


def test_every_service_of_apprise_that_acts_on_this_machine_is_refused():
    found = set(schemes_that_act_locally())
    assert found >= {"dbus", "gnome", "macosx", "syslog", "windows"}
    assert found <= LOCAL


@pytest.mark.parametrize("scheme", sorted({*LOCAL, "SYSLOG"}))
def test_a_local_scheme_is_refused_when_the_channel_is_made(scheme):
    with pytest.raises(InvalidInput, match="only the machine that MasterTrade runs on"):
        CHANNELS[ChannelKind.APPRISE].check(f"{scheme}://localhost")


@pytest.mark.parametrize(
    ("kind", "address", "shown"),
    [
        ("email", "ada.lovelace@example.com", "a…@example.com"),
        (
            "webhook",
            "https://example.com:8443/secret?t=1",
            "https://example.com:8443/…",
        ),
        ("webhook", "http://[2606:4700::1]/x", "http://[2606:4700::1]/…"),
        ("telegram", f"123456789:{'k' * 35}/-100123", "bot 123456789, chat -100123"),
        ("apprise", "slack://TokenA/TokenB/TokenC/Channel", "slack://…"),
    ],
)
def test_what_is_shown_of_an_address_holds_no_secret(kind, address, shown):
    assert CHANNELS[ChannelKind(kind)].check(address) == shown


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("email", "ada"),
        ("email", "ada@example.com, eve@example.com"),
        ("email", "ada@example.com\nBcc: eve@example.com"),
        ("webhook", "ftp://example.com/"),
        ("webhook", "https://"),
        ("webhook", "https://exa mple.com/"),
        ("webhook", "https://example.com:99999/"),
        ("webhook", "https://[::1/"),
        ("webhook", "file:///etc/passwd"),
        ("telegram", "123456789:short/1"),
        ("telegram", f"123456789:{'k' * 35}/../getMe"),
        ("telegram", f"123456789:{'k' * 35}"),
        ("apprise", "no address"),
        ("apprise", "://"),
    ],
)
def test_an_address_that_nothing_can_be_sent_to_is_refused(kind, address):
    with pytest.raises(InvalidInput) as refused:
        CHANNELS[ChannelKind(kind)].check(address)
    assert refused.value.field == "address"


ATTEMPTS = {
    "connects to a Unix socket": (
        "socket.socket(socket.AF_UNIX).connect('/run/dbus/system_bus_socket')"
    ),
    "connects to a name": "socket.socket().connect(('localhost', 1))",
    "connects, and asks for the error's number": (
        "socket.socket().connect_ex(('127.0.0.1', 1))"
    ),
    "sends a datagram": (
        "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 514))"
    ),
    "runs a program": "subprocess.run(['true'])",
    "runs a shell": "os.system('true')",
    "forks": "os.fork()",
    "writes to the log": "syslog.syslog('x')",
    "reads a file": "open('/etc/passwd')",
    "reads a secret of ours": f"open({str(ROOT / 'var' / 'channel-key')!r})",
    "writes a file": "open('/tmp/never-written', 'w')",
    "reads through a link": "os.fdopen(os.open('/proc/self/environ', os.O_RDONLY))",
}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=list(ATTEMPTS))
def test_a_library_in_the_sender_cannot(attempt):
    code = (
        "import os, socket, subprocess, sys, syslog\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from goals.channels import guard\n"
        "guard.guard_process(private_targets=False)\n"
        "try:\n"
        f"    {attempt}\n"
        "except guard.TargetRefused:\n"
        "    print('refused')"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=20
    )
    assert found.stdout == "refused\n", found.stderr
