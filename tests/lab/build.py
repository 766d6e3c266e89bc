"""Builds what the lab runs on: Debian packages, two Asterisk root file systems and sounds, all in the ignored `.lab/`.

Rule of this file: standard library only, safe to repeat, and silent work is finished work: a part is
built under a temporary name and renamed, so whatever carries its final name and stamp is complete.
"""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.lab import sounds

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / ".lab"
STAMP = ".stamp"
RECIPE = "3"  # raise it when what is built changes: everybody's lab is then built again

# What must be on the path, and the Debian package that brings it.
TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "sipp": "sip-tester",
    "redis-server": "redis-server",
    "tcpdump": "tcpdump",
    "prometheus": "prometheus",  # promtool comes with it
    "systemd-analyze": "systemd",
    "pg_ctlcluster": "postgresql",
    "espeak-ng": "espeak-ng",  # speaks the demo's prompts
    "node": "nodejs",  # the screens: their bundle and unit tests
    "npm": "npm",
    "chromium": "chromium",  # and their tests in a browser: this one for conversations and pictures,
    "chromium-headless-shell": "chromium-headless-shell",  # and this one for all other pages
    "fc-list": "fontconfig",
}
CHINESE = "fonts-wqy-microhei"
"""Brings Chinese characters, for the pictures of the guide: without them there are boxes."""
APT_SOURCES = Path("/etc/apt")
POLICY = Path("/usr/sbin/policy-rc.d")
APT_BUSY = 300.0
"""Seconds for which another apt may be waited for."""


class BuildError(Exception):
    """Why the lab cannot be built, in one line for a person."""


@dataclass(frozen=True, slots=True)
class Suite:
    """One Asterisk version and the Debian release that packages it."""

    version: int
    name: str

    @property
    def target(self) -> Path:
        return LAB / f"asterisk-{self.version}"


SUITES = (Suite(22, "forky"), Suite(16, "bullseye"))


def main() -> int:
    started = time.monotonic()
    try:
        build()
    except BuildError as why:
        print(f"lab: {why}", file=sys.stderr)
        return 1
    print(f"lab: ready in {time.monotonic() - started:.1f} s")
    return 0


def build() -> None:
    """Bring everything up to date; done work costs a few file look-ups."""
    if os.geteuid() != 0:
        raise BuildError("must run as root: it installs packages and builds root file systems")
    LAB.mkdir(exist_ok=True)
    _install_tools()
    _make_sounds()
    stale = [suite for suite in SUITES if not _is_current(suite.target)]
    if stale:
        mirror = find_mirror(APT_SOURCES)
        with ThreadPoolExecutor(len(stale)) as pool:
            list(pool.map(lambda suite: _make_rootfs(suite, mirror), stale))


def is_built(version: int) -> bool:
    """Whether the root file system of this version is there and of today's recipe."""
    return _is_current(LAB / f"asterisk-{version}")


def _is_current(folder: Path) -> bool:
    stamp = folder / STAMP
    return stamp.is_file() and stamp.read_text() == RECIPE


def _install_tools() -> None:
    missing = sorted({package for tool, package in TOOLS.items() if shutil.which(tool) is None})
    if not has_chinese():
        missing.append(CHINESE)
    if not missing:
        return
    print(f"lab: installing {', '.join(missing)}", flush=True)
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    ours = not POLICY.exists()
    if ours:  # Debian starts a server when it is installed, unless this policy forbids it
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        _apt(["update", "-q"], quiet)
        _apt(["install", "-q", "-y", "--no-install-recommends", *missing], quiet)
    finally:
        if ours:
            POLICY.unlink()
    servers = sorted({"redis-server", "prometheus"} & set(missing))
    if servers and Path("/run/systemd/system").exists():
        _run(["systemctl", "disable", "--now", *servers])


def has_chinese() -> bool:
    """Whether there is a font with Chinese characters."""
    return shutil.which("fc-list") is not None and bool(subprocess.run(["fc-list", ":lang=zh-cn"], capture_output=True).stdout)


def _make_sounds() -> None:
    target = LAB / "sounds"
    if not _is_current(target):
        print("lab: making sounds", flush=True)
        with _Fresh(target) as draft:
            sounds.make(draft.path)


def _make_rootfs(suite: Suite, mirror: str) -> None:
    started = time.monotonic()
    print(f"lab: building Asterisk {suite.version} from {suite.name}", flush=True)
    with _Fresh(suite.target) as draft:
        _run(_mmdebstrap(suite, draft.path, mirror))
        _isolate(draft.path)
    print(f"lab: Asterisk {suite.version} built in {time.monotonic() - started:.0f} s", flush=True)


def _mmdebstrap(suite: Suite, target: Path, mirror: str) -> list[str]:
    return [
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=apt",
        "--include=asterisk,asterisk-core-sounds-en-wav",
        '--aptopt=APT::Install-Recommends "false"',
        # An archive that is served with a delay would otherwise be refused as expired.
        '--aptopt=Acquire::Check-Valid-Until "false"',
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        suite.name,
        str(target),
        mirror,
    ]


def _isolate(rootfs: Path) -> None:
    """No DNS inside: Asterisk would look up its own name for each call and stall for seconds."""
    (rootfs / "etc/resolv.conf").unlink(missing_ok=True)
    (rootfs / "etc/resolv.conf").touch()
    (rootfs / "etc/hosts").write_text(f"127.0.0.1 localhost {os.uname().nodename}\n")
    (rootfs / "lab").mkdir()


class _Fresh:
    """A folder under a temporary name that takes its place, stamped, when the block succeeds."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f".{target.name}.partial")

    def __enter__(self) -> "_Fresh":
        self._clear()
        self.path.mkdir(parents=True)
        return self

    def _clear(self) -> None:
        """Away with what is there; first with what a build that was killed left mounted: the machine's own /proc and /sys."""
        mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for where in sorted((one for one in mounted if one.startswith(f"{self.path}/")), reverse=True):
            subprocess.run(["umount", "--lazy", where], check=True)
        shutil.rmtree(self.path, ignore_errors=True)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._clear()
            return
        (self.path / STAMP).write_text(RECIPE)
        shutil.rmtree(self.target, ignore_errors=True)
        self.path.rename(self.target)


def find_mirror(etc_apt: Path) -> str:
    """The Debian archive that this machine's own packages come from."""
    for file in [etc_apt / "sources.list", *sorted((etc_apt / "sources.list.d").glob("*"))]:
        if file.is_file() and file.suffix in (".list", ".sources"):
            parse = _deb822_uris if file.suffix == ".sources" else _one_line_uris
            for uri in parse(file.read_text()):
                if uri.rstrip("/").endswith("/debian"):
                    return uri
    raise BuildError("apt has no source ending in /debian to build the Asterisk systems from")


def _one_line_uris(text: str) -> list[str]:
    """`deb [options] URI suite component...`"""
    uris = []
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if words[:1] == ["deb"]:
            uris += [word for word in words[1:] if "://" in word][:1]
    return uris


def _deb822_uris(text: str) -> list[str]:
    """`URIs: URI...` in stanzas parted by empty lines; a stanza may be switched off."""
    uris = []
    for stanza in text.split("\n\n"):
        fields = [line.split(":", 1) for line in stanza.splitlines() if ":" in line and line[0] != "#"]
        values = {name.strip().lower(): value.split() for name, value in fields}
        if values.get("enabled", ["yes"]) != ["no"]:
            uris += values.get("uris", [])
    return uris


def _apt(words: list[str], env: dict[str, str]) -> None:
    """Another apt may be at work, as after a machine has started: wait for it."""
    limit = time.monotonic() + APT_BUSY
    while True:
        try:
            _run(["apt-get", *words], env=env)
            return
        except BuildError as trouble:
            if "Could not get lock" not in str(trouble) or time.monotonic() > limit:
                raise
        print("lab: another apt is at work; waiting for it", flush=True)
        time.sleep(5.0)


def _run(command: list[str], env: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=env)
    if done.returncode != 0:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        why = next((line for line in lines if line.startswith("E:")), lines[-1] if lines else "no output")
        raise BuildError(f"{command[0]} failed: {why}")


if __name__ == "__main__":
    sys.exit(main())
