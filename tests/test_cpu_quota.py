"""cpu_quota: what control groups of both versions allow, in trees like those of real machines, and on this one."""

import math
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from line_inspector.config import cpu_quota
from line_inspector.training.machine import describe_machine

V2 = "30 23 0:26 {root} {point} rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate"
V1 = "33 25 0:29 {root} {point} rw,nosuid,nodev,noexec,relatime shared:9 - cgroup cgroup rw,{controllers}"
OTHER = "25 30 0:23 / {point} rw,nosuid,nodev,noexec,relatime shared:5 - tmpfs tmpfs rw,mode=755"


class Tree:
    """A process's folder in /proc, and the control groups that it tells of."""

    def __init__(self, folder: Path) -> None:
        self.proc, self.groups = folder / "proc", folder / "sys"
        self.proc.mkdir()

    def process(self, groups: str, *mounts: str) -> float:
        """The quota of a process in these groups."""
        (self.proc / "cgroup").write_text(groups)
        (self.proc / "mountinfo").write_text("\n".join([OTHER.format(point=self.groups), *mounts, ""]))
        return cpu_quota(self.proc)

    def v2(self, group: str, cpu_max: str) -> None:
        """A group of version 2 at /."""
        self._write(self.groups / group, "cpu.max", cpu_max)

    def v1(self, group: str, quota_us: int, period_us: int = 100_000) -> None:
        """A group of the controller cpu of version 1."""
        self._write(self.groups / "cpu,cpuacct" / group, "cpu.cfs_quota_us", f"{quota_us}")
        self._write(self.groups / "cpu,cpuacct" / group, "cpu.cfs_period_us", f"{period_us}")

    def _write(self, folder: Path, name: str, text: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text + "\n")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


UNIT = "system.slice/system-line.slice/line-inspector-worker@near.service"


@pytest.mark.parametrize(
    ("maxima", "cores"),
    [
        ({UNIT: "max 100000"}, math.inf),
        ({UNIT: "250000 100000"}, 2.5),
        ({UNIT: "20000 10000"}, 2),
        ({UNIT: "max 100000", "system.slice": "150000 100000"}, 1.5),
        ({UNIT: "100000 100000", "system.slice": "800000 100000"}, 1),
        ({UNIT: "800000 100000", "system.slice/system-line.slice": "300000 100000", "system.slice": "max 100000"}, 3),
        ({"system.slice/another.service": "100000 100000"}, math.inf),
        ({}, math.inf),
    ],
)
def test_the_tightest_of_a_units_group_and_of_those_above_counts(
    tree: Tree, maxima: dict[str, str], cores: float
) -> None:
    for group, cpu_max in maxima.items():
        tree.v2(group, cpu_max)
    assert tree.process(f"0::/{UNIT}\n", V2.format(root="/", point=tree.groups)) == cores


def test_a_container_sees_its_own_group_at_the_top(tree: Tree) -> None:
    tree.v2("", "200000 100000")
    assert tree.process("0::/\n", V2.format(root="/", point=tree.groups)) == 2


def test_a_container_whose_group_has_the_hosts_name_finds_it_all_the_same(tree: Tree) -> None:
    """Version 1 without a namespace: the path is the host's, and what is mounted is the container's group alone."""
    tree.v1("", 150_000)
    tree.v1("init", 100_000)
    mount = V1.format(root="/docker/4f", point=tree.groups / "cpu,cpuacct", controllers="cpu,cpuacct")
    assert tree.process("4:cpu,cpuacct:/docker/4f\n0::/\n", mount) == 1.5
    assert tree.process("4:cpu,cpuacct:/docker/4f/init\n", mount) == 1
    assert tree.process("4:cpu,cpuacct:/another\n", mount) == 1.5
    assert tree.process("4:cpu,cpuacct:/docker/4f/../../etc\n", mount) == 1.5


@pytest.mark.parametrize(
    ("quotas", "cores"),
    [
        ({"": -1, "a": -1, "a/b": -1}, math.inf),
        ({"": -1, "a": 400_000, "a/b": -1}, 4),
        ({"a": 400_000, "a/b": 50_000}, 0.5),
    ],
)
def test_version_1_and_a_hybrid_of_both(tree: Tree, quotas: dict[str, int], cores: float) -> None:
    for group, quota_us in quotas.items():
        tree.v1(group, quota_us)
    mounts = (
        V1.format(root="/", point=tree.groups / "cpuset", controllers="cpuset"),
        V1.format(root="/", point=tree.groups / "cpu,cpuacct", controllers="cpu,cpuacct"),
        V2.format(root="/", point=tree.groups / "unified"),
    )
    groups = "7:cpuset:/\n4:cpu,cpuacct:/a/b\n1:name=systemd:/a\n0::/a/b\n"
    assert tree.process(groups, *mounts) == cores


def test_a_period_counts_and_a_space_in_the_path_is_no_end(tree: Tree) -> None:
    tree.v1("my group", 50_000, 20_000)
    mount = V1.format(root="/", point=tree.groups / "cpu,cpuacct", controllers="cpu")
    assert tree.process("4:cpu:/my group\n", mount) == 2.5
    tree.v2("my group", "200000 100000")
    (tree.groups.parent / "a b").symlink_to(tree.groups)
    assert tree.process("0::/my group\n", V2.format(root="/", point=f"{tree.groups.parent}/a\\040b")) == 2


@pytest.mark.parametrize("text", ["", "max", "1", "0 0", "-5 100000", "5 -1", "x y", "\0", "9" * 5000 + " 1", "5 0"])
def test_nonsense_limits_nothing(tree: Tree, text: str) -> None:
    tree.v2("", text)
    assert tree.process("0::/\n", V2.format(root="/", point=tree.groups)) == math.inf


def test_whatever_proc_says_it_is_no_fault(tree: Tree) -> None:
    assert cpu_quota(tree.proc / "nowhere") == math.inf
    tree.v2("a", "100000 100000")
    dice = random.Random(1)
    whole = V2.format(root="/", point=tree.groups)
    for _ in range(300):
        mount = list(whole)
        for _ in range(3):
            mount[dice.randrange(len(mount))] = dice.choice("\0 /-\\\n\t0:")
        assert tree.process(dice.choice(["0::/a", "0::", "::", "0::a\n", "0::/../a", "4:cpu:/a"]), "".join(mount)) > 0
    (tree.proc / "cgroup").write_bytes(b"0::/\xff\xfe\n")
    assert cpu_quota(tree.proc) > 0


def test_this_machine_is_read_and_told() -> None:
    quota = cpu_quota()
    assert quota > 0
    assert ("CPU quota" in describe_machine()) is math.isfinite(quota)


CPU_GROUP = Path("/sys/fs/cgroup/cpu")


@pytest.fixture
def entrance() -> Iterator[tuple[str, float]]:
    """How a process gets into a group of its own, with how many cores: 1.5, where a group of version 1 can be made.

    Elsewhere it stays where it is, with the quota that this process has, too.
    """
    group = CPU_GROUP / f"line-inspector-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / "cpu.cfs_quota_us").write_text("150000")
    except OSError:
        if group.exists():
            group.rmdir()
        yield "", cpu_quota()
        return
    yield f"open({str(group / 'cgroup.procs')!r}, 'w').write('0')\n", 1.5
    group.rmdir()


def test_a_real_group_is_found_by_the_process_in_it(entrance: tuple[str, float]) -> None:
    enter, cores = entrance
    program = f"{enter}from line_inspector.config import cpu_quota\nprint(cpu_quota())"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == f"{cores}\n"
