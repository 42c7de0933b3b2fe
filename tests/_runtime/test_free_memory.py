"""Free memory: what the machine, a container, a cluster job and the process itself leave."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from napari_lazy_pipeline._runtime import free_memory
from napari_lazy_pipeline._runtime.free_memory import available, budget, require

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="limits as Linux has them")


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system of 3000 KiB, whose files lie in a folder."""
    monkeypatch.setattr(free_memory.sys, "platform", "linux")
    monkeypatch.setattr(free_memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(free_memory, "CGROUP", tmp_path / "cgroup")
    (tmp_path / "proc" / "self").mkdir(parents=True)
    text = "MemTotal:  4000 kB\nMemAvailable:    3000 kB\nSwapFree:  1000 kB\n"
    (tmp_path / "proc" / "meminfo").write_text(text)
    (tmp_path / "proc" / "self" / "cgroup").write_text("")
    return tmp_path


def put_group(folder: Path, most: str, version: int = 2, used: int = 100_000) -> None:
    """Make a control group; 40 KB of what it uses are files that it would give back."""
    folder.mkdir(parents=True, exist_ok=True)
    limit, usage, cache = free_memory._GROUP_FILES[version == 1]
    (folder / limit).write_text(f"{most}\n")
    (folder / usage).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 1\n{cache} 40000\n")


def test_this_machine_has_some() -> None:
    assert 2**24 < available() < 2**50
    assert budget() <= available() * 1.5
    require(2**20)


def test_without_a_limit_it_is_what_the_kernel_would_give(system: Path) -> None:
    put_group(system / "cgroup", "max")
    (system / "proc" / "self" / "cgroup").write_text("0::/\n")
    assert available() == 3000 * 1024
    assert budget() == int(0.8 * 3000 * 1024)


@pytest.mark.parametrize("version", [1, 2])
def test_a_container_has_a_limit_where_its_groups_begin(system: Path, version: int) -> None:
    """It sees its own group as the outermost, under whatever name; its files count as free."""
    top = system / "cgroup" / ("memory" if version == 1 else "")
    put_group(top, "600000", version)
    line = "4:memory:/docker/1234\n0::/\n" if version == 1 else "0::/docker/1234\n"
    (system / "proc" / "self" / "cgroup").write_text(line)
    assert available() == 540_000


@pytest.mark.parametrize("version", [1, 2])
def test_a_cluster_job_has_the_limit_of_any_group_it_is_in(system: Path, version: int) -> None:
    top = system / "cgroup" / ("memory" if version == 1 else "")
    put_group(top / "slurm" / "job_7", "600000", version)
    put_group(top / "slurm" / "job_7" / "step_0" / "task_1", "max", version)
    path = "/slurm/job_7/step_0/task_1"
    line = f"9:cpu,memory:{path}\n" if version == 1 else f"0::{path}\n"
    (system / "proc" / "self" / "cgroup").write_text(line)
    assert available() == 540_000
    require(540_000)
    with pytest.raises(MemoryError, match=r"0\.00054 GB are free"):
        require(540_001)


def test_more_than_the_machine_has_is_refused_before_it_is_used(system: Path) -> None:
    require(4000 * 1024)  # the swap included
    with pytest.raises(MemoryError, match=r"it takes 0.0041 GB, and 0.0041 GB are free"):
        require(4000 * 1024 + 1)


@LINUX
def test_the_limit_of_the_process_counts() -> None:
    code = (
        "import resource\n"
        "from napari_lazy_pipeline._runtime.free_memory import available\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))\n"
        "print(available())"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) < 2**31
