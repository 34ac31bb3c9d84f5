"""The wheel: what is in it, what must not be, and that it works away from the checkout."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
import yaml

import lrs_lightning

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    words = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (file,) = out.glob("*.whl")
    return file


def test_the_wheel_has_two_packages_and_nothing_else_on_top(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert top == {"lrs_lightning", "lrs_kernels"}
    for needed in (
        "lrs_lightning/experts/shipped/HalfCheetah-v5.safetensors",
        "lrs_lightning/experts/shipped/HalfCheetah-v5.json",
        "lrs_lightning/evaluation/suites/paper.yaml",
        "lrs_lightning/conf/halfcheetah-dense.yaml",
        "lrs_kernels/functional.py",
    ):
        assert needed in names


def test_the_tools_of_the_benchmarks_stay_out_of_the_wheel(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if name.startswith(("benchmarks/", "tests/"))]
    kernels = {Path(name).stem for name in names if name.startswith("lrs_kernels/")}
    assert not kernels & {"offline", "roofline", "sass"}


def test_every_source_file_is_in_the_wheel(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for root, package in ((ROOT, "lrs_lightning"), (ROOT / "kernels", "lrs_kernels")):
        for file in (root / package).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                assert str(file.relative_to(root)) in names


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == lrs_lightning.__version__
    assert citation["license"] == "Apache-2.0" and citation["references"]


@pytest.mark.slow
def test_it_installs_and_fits_from_any_folder(wheel, tmp_path):
    """A new environment that finds its dependencies in this one, and nothing of the checkout."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = tmp_path / "venv" / "lib" / version / "site-packages"
    zipfile.ZipFile(wheel).extractall(site)
    # Appended, so that the wheel's own packages come first; .pth files there are not followed.
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}

    def run(*words: str) -> str:
        done = subprocess.run(
            [python, *words], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    where = run("-c", "import lrs_lightning, lrs_kernels; print(lrs_kernels.__file__)")
    assert str(site) in where
    fit = ["fit", "--config=halfcheetah-dense", "--trainer.max_steps=4", "--data.batches=4"]
    fit += ["--data.episodes=3", "--evaluation.episodes=1", "--evaluation.suite=smoke"]
    printed = run("-m", "lrs_lightning", *fit)
    assert "run folder: runs/HalfCheetah-v5/version_0" in printed
    assert (tmp_path / "runs/HalfCheetah-v5/version_0/summary.json").is_file()
