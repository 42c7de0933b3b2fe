"""The scripts of docs/cluster.md, run by a stand-in for sbatch."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from interrupting import environment, volumes, write_job
from napari_lazy_pipeline import cli

PAGE = Path(__file__).parents[2] / "docs" / "cluster.md"
# Runs the tasks of an array one after the other, and says a number, as sbatch does.
SBATCH = """#!/bin/bash
for script; do :; done
range=$(sed -n 's/^#SBATCH --array=//p' "$script")
for number in $(seq ${range%-*} ${range#*-}); do
  SLURM_ARRAY_TASK_ID=$number bash "$script" >> tasks.log 2>&1 || exit 1
done
[ -n "$range" ] || bash "$script" >> tasks.log 2>&1 || exit 1
echo 1
"""


@pytest.mark.skipif(sys.platform == "win32", reason="bash")
def test_an_array_of_jobs_writes_what_one_run_does(tmp_path: Path) -> None:
    write_job(tmp_path).rename(tmp_path / "cell5.yaml")
    scripts = re.findall(r"^```shell\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    array, join, submit = scripts[:3]
    program = f'#!/bin/bash\nexec "{sys.executable}" -m napari_lazy_pipeline "$@"\n'
    tools = {"sbatch": SBATCH, "napari-lazy-pipeline": program}
    (tmp_path / "bin").mkdir()
    for name, text in tools.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "array.sh").write_text(array)
    (tmp_path / "join.sh").write_text(join)
    path = os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]])
    subprocess.run(
        ["bash", "-e", "-c", submit], cwd=tmp_path, env=environment(PATH=path), check=True,
        timeout=240, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    said = (tmp_path / "tasks.log").read_text()
    assert said.count("1 volumes written") == 6, said  # two of 8 units have nothing to do
    assert "6 were there already" in said
    assert cli.main(["run", str(tmp_path / "cell5.yaml"), "--out", str(tmp_path / "whole")]) == 0
    assert volumes(tmp_path / "processed") == volumes(tmp_path / "whole")
    assert [path.name for path in (tmp_path / "processed").glob("*.jsonl")] == ["cell_export.jsonl"]
