# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The code and the pages of YAML in docs/OWN_POLICY.md, as a reader would copy them."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest
import yaml

from score.imitation import read_demonstrations
from score.imitation.data_interface import read_data_interface
from score.policies import FlowMatchingPolicy
from score.policies.bundle import load_bundle
from score.policies.interface import read_interface
from score.policies.torchscript import TorchScriptPolicy

TEXT = (Path(__file__).parents[2] / "docs" / "OWN_POLICY.md").read_text(encoding="utf-8")
CODE = {
    block.splitlines()[0].removeprefix("# "): block
    for block in re.findall(r"^```python\n(# \w+\.py\n.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
}
PAGES = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, block in CODE.items():
        (tmp_path / name).write_text(block, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_all_code_is_found() -> None:
    assert set(CODE) == {"write_demos.py", "make_bundle.py", "my_base_policy.py", "save_mine.py"}
    assert TEXT.count("```python") == len(CODE)
    assert len(PAGES) == 2


def test_demonstrations_and_a_bundle_from_python(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path("write_demos.py", run_name="__main__")
    data = read_demonstrations(folder / "demos.hdf5", ["joint_pos"], ["point_cloud"])
    assert [episode.success for episode in data.episodes] == [False, False, True, True]
    assert sum(segment.points for segment in data.segments["point_cloud"]) == 512
    runpy.run_path("make_bundle.py", run_name="__main__")
    assert isinstance(load_bundle(folder / "my_bundle"), FlowMatchingPolicy)
    assert capsys.readouterr().out.startswith("(1, 8, 7) ")


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_another_architecture_keeps_the_contract(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        runpy.run_path("save_mine.py", run_name="__main__")
    finally:
        sys.modules.pop("my_base_policy", None)
    assert capsys.readouterr().out == "[]\n"
    assert isinstance(load_bundle(folder / "my_bundle"), TorchScriptPolicy)


def test_the_pages_of_yaml_are_read(tmp_path: Path) -> None:
    interface, data = (tmp_path / "interface.yaml", tmp_path / "data.yaml")
    for text, page in zip(PAGES, (interface, data), strict=True):
        page.write_text(text, encoding="utf-8")
        assert len(yaml.safe_load(text)) >= 3
        assert len(text.splitlines()) <= 20  # what a user has to write
    assert read_interface(interface).actions
    assert read_data_interface(data).actions
