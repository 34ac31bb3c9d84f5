"""What was measured as a tidy table: one number a row, with its unit, its spread and its n.

`run, trajectory, condition, quantity, part, index, value, low, high, n, unit`. `low` and `high` are
the 5th and 95th percentile over the n samples (steps, windows, disturbances or episodes), not a
confidence interval; they are empty where there is one sample. `index` counts singular values,
exponents, components (from 1) or lags (from 0).
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import Tensor

from lrs_lightning.analysis.dimensions import Dimensions
from lrs_lightning.analysis.gates import GateShift
from lrs_lightning.analysis.memory import span
from lrs_lightning.analysis.proxies import Association
from lrs_lightning.analysis.response import Response
from lrs_lightning.analysis.scene import Scene
from lrs_lightning.analysis.weights import MatrixSummary
from lrs_lightning.files import whole_file, write_whole

COLUMNS = (
    "run", "trajectory", "condition", "quantity", "part", "index",
    "value", "low", "high", "n", "unit",
)  # fmt: skip
Row = dict[str, Any]


def weight_rows(
    run: str, names: Sequence[str], layers: Sequence[Mapping[str, MatrixSummary]]
) -> Iterator[Row]:
    """Rows of the matrices of all layers."""
    for depth, states in enumerate(layers):
        for state, summary in states.items():
            for g, gate in enumerate(names):
                part = f"layer {depth}, {gate}"
                base = {"run": run, "condition": state, "part": part, "n": 1}
                for quantity, unit in _MATRIX_UNITS.items():
                    value = float(getattr(summary, quantity)[g])
                    yield row(quantity=f"weight {quantity}", value=value, unit=unit, **base)
                for i, value in enumerate(summary.values[g].tolist(), start=1):
                    yield row(quantity="singular value", index=i, value=value, unit="1", **base)


def scene_rows(run: str, scene: Scene) -> Iterator[Row]:
    """Rows of everything that was measured along trajectories."""
    for found in _scene_rows(scene):
        yield {**found, "run": run, "trajectory": scene.kind, "condition": scene.condition}


def _scene_rows(scene: Scene) -> Iterator[Row]:
    moving = scene.dynamics
    yield row(quantity="return", **_spread(scene.returns), unit="return")
    yield row(quantity="jacobian radius", **_spread(moving.radius), unit="1")
    yield row(quantity="jacobian norm", **_spread(moving.norm), unit="1")
    for i, exponents in enumerate(moving.exponents.mT, start=1):
        yield row(quantity="lyapunov exponent", index=i, **_spread(exponents), unit="nats/step")
    for name, curves in moving.memory.items():
        yield row(quantity=f"memory span of the {name}", **_spread(span(curves)), unit="steps")
        for lag, values in enumerate((curves / curves[:, :1]).mT):
            yield row(quantity=f"memory of the {name}", index=lag, **_spread(values), unit="1")
    for depth, driven in enumerate(scene.drives):
        yield from _dimension_rows(f"layer {depth}, state", driven.state)
        for gate, parts in driven.gates.items():
            share = driven.recurrent_share[gate]
            part = f"layer {depth}, {gate}"
            yield row(quantity="recurrent share", part=part, value=share, n=scene.steps, unit="1")
            for drive, found in parts.items():
                yield from _dimension_rows(f"{part}, {drive}", found)
    if scene.response is not None:
        yield from _response_rows(scene.response)
    if scene.gates is not None:
        yield from _gate_rows(scene.gates)


def _dimension_rows(part: str, found: Dimensions) -> Iterator[Row]:
    yield row(quantity="variance in five", part=part, value=found.in_five, unit="1")
    yield row(quantity="components for 90 %", part=part, value=found.for_ninety, unit="1")
    yield row(quantity="participation ratio", part=part, value=found.participation, unit="1")


def _response_rows(found: Response) -> Iterator[Row]:
    series = {"state": found.state, "output": found.output}
    series |= {f"gate {name}": values for name, values in found.gates.items()}
    for part, values in series.items():
        for lag, column in enumerate(values.mT):
            yield row(quantity="response", part=part, index=lag, **_spread(column), unit="1")


def _gate_rows(found: GateShift) -> Iterator[Row]:
    for g, gate in enumerate(found.names):
        moved = _spread(found.moved[:, g])
        yield row(quantity="gate moved", part=gate, **moved, unit="1")
        correlation = found.correlation(gate)
        yield row(quantity="moves with the shift", part=gate, value=correlation, unit="1")
        yield row(
            quantity="output moved, gate held", part=gate, value=found.held_ratio(gate), unit="1"
        )
        for when, values in (("clean", found.clean), ("shifted", found.shifted)):
            yield row(quantity=f"gate value, {when}", part=gate, **_spread(values[:, g]), unit="1")
    yield row(quantity="output moved", **_spread(found.output_moved), unit="output")
    if found.share is not None:
        for when, value in zip(("clean", "shifted"), found.share, strict=True):
            yield row(quantity=f"share of the first term, {when}", value=value, unit="1")


def association_rows(found: Sequence[Association]) -> Iterator[Row]:
    """Rows of proxies against robustness; here `low` and `high` are a 95 % confidence interval."""
    for one in found:
        for quantity in ("clean", "shifted", "partial"):
            correlation = getattr(one, quantity)
            low, high = correlation.interval()
            yield row(
                trajectory=one.kind, quantity=f"rank correlation, {quantity}", part=one.proxy,
                value=correlation.value, low=low, high=high, n=correlation.n, unit="1",
            )  # fmt: skip


def row(**given: Any) -> Row:
    """A row with all columns; what is not given is empty."""
    return {name: given.get(name) for name in COLUMNS}


def _spread(values: Tensor | Sequence[float]) -> dict[str, Any]:
    """Mean, 5th and 95th percentile and n; infinite where the mean is."""
    numbers = values.double().flatten() if isinstance(values, Tensor) else Tensor(values).double()
    numbers = numbers[~numbers.isnan()]
    if not len(numbers):
        return {"value": math.nan, "n": 0}
    low, high = (
        (float(numbers.quantile(0.05)), float(numbers.quantile(0.95)))
        if 1 < len(numbers) < 10_000_000
        else (None, None)
    )
    return {"value": float(numbers.mean()), "low": low, "high": high, "n": len(numbers)}


def write_table(folder: str | Path, rows: Iterable[Row]) -> list[Path]:
    """Write `analysis.csv`, and `analysis.parquet` where pyarrow is installed; whole or not at all.

    Raises:
        DataError: a file cannot be written.
    """
    rows = [{name: _plain(found[name]) for name in COLUMNS} for found in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    written = [write_whole(Path(folder) / "analysis.csv", text.getvalue())]
    if find_spec("pyarrow") is not None:
        written.append(_write_parquet(Path(folder) / "analysis.parquet", rows))
    return written


def _write_parquet(path: Path, rows: list[Row]) -> Path:
    import pyarrow
    from pyarrow import parquet

    with whole_file(path) as unfinished:
        parquet.write_table(pyarrow.Table.from_pylist(rows), unfinished)
    return path


def _plain(value: Any) -> Any:
    """NaN is no value; infinities are."""
    return None if isinstance(value, float) and math.isnan(value) else value


_MATRIX_UNITS = {"radius": "1", "norm": "1", "stable_rank": "1", "effective_rank": "1"}
