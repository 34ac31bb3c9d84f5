"""Reading what the assembler made of a kernel: registers, spills, and the loop over time.

Uses the `cuobjdump` that the Triton wheel brings along, so no CUDA toolkit and no GPU are needed.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import triton

_TOOL = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
_INSTRUCTION = re.compile(r"^\s+/\*([0-9a-f]{4,6})\*/\s+(.*?);", re.MULTILINE)
_BRANCH = re.compile(r"BRA(?:\.\w+)*\s+(?:!?U?P\w+,\s*)?(?:`\(.*\)|0x([0-9a-f]+))")
_REGISTER = re.compile(r"\bR(\d+)\b")
_BITS = re.compile(r"\.[US]?(8|16|64|128)\b")
_WIDTH = re.compile(r"\b(?:LD|ST)G\.E(?:\.[A-Z]\w*)*\.(64|128)\b")
_PREDICATE = re.compile(r"^@!?U?P\w+\s+")


class Resources(NamedTuple):
    """What a compiled kernel takes from a multiprocessor.

    Attributes:
        registers: per thread; 255 is the most there are.
        stack: bytes of local memory per thread: above zero, registers were spilled.
        spills: instructions that load from or store to local memory.

    """

    registers: int
    stack: int
    spills: int


def disassemble(cubin: bytes) -> tuple[Resources, str]:
    """Resources and assembly text of a compiled kernel."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        usage, text = _dump("--dump-resource-usage", file.name), _dump("-sass", file.name)
    found = re.search(r"REG:(\d+) STACK:(\d+)", usage)
    if found is None:
        raise RuntimeError(f"cuobjdump printed no resource usage but: {usage[:200]!r}")
    spills = len(re.findall(r"\b(?:LDL|STL)\b", text))
    return Resources(int(found[1]), int(found[2]), spills), text


def _dump(option: str, path: str) -> str:
    done = subprocess.run([str(_TOOL), option, path], capture_output=True, text=True, check=True)
    return done.stdout


def time_loop(text: str) -> Counter[str]:
    """Instructions of the largest loop (the loop over time), counted by name.

    Shared-memory, tensor-core and barrier instructions keep their suffixes, which say how much
    one of them moves or computes; those of global memory keep the bits of a thread (`LDG.64`).
    """
    return Counter(_name(what) for what in _loop(text))


def load_distance(text: str) -> float:
    """How far the loop over time goes on between a load and the first use of what it loads.

    The share of the loop's instructions, of that load from global memory for which it is smallest;
    1 where nothing is loaded. A load that is waited for at once has nearly 0.
    """
    body = _loop(text)
    loads = [at for at, what in enumerate(body) if _name(what).startswith("LDG.")]
    return min((_until_used(body, at) / len(body) for at in loads), default=1.0)


def _until_used(body: list[str], at: int) -> int:
    """Instructions after a load until one reads its target, in the next turn if none before."""
    target, wide = _REGISTER.search(body[at]), _WIDTH.search(body[at])
    assert target is not None
    first = int(target[1])
    loaded = set(range(first, first + (int(wide[1]) // 32 if wide else 1)))
    for after in range(1, len(body)):
        if loaded & _read(body[(at + after) % len(body)]):
            return after
    return len(body)


def _read(instruction: str) -> set[int]:
    """Registers that an instruction reads: not its first operand, unless it stores."""
    words = _PREDICATE.sub("", instruction)
    name, _, operands = words.partition(" ")
    stores = name.startswith(("ST", "RED"))
    wide = _WIDTH.search(words)
    found: set[int] = set()
    for at, operand in enumerate(operands.split(",")):
        if at == 0 and not stores:
            continue
        each = int(wide[1]) // 32 if wide and stores else 1
        if name.startswith("HMMA"):
            each = 2 if at == 2 else 4  # the second factor is half as large
        for number in map(int, _REGISTER.findall(operand)):
            found.update(range(number, number + each))
    return found


def _loop(text: str) -> list[str]:
    """The instructions of the loop over time."""
    code = [(int(at, 16), what.strip()) for at, what in _INSTRUCTION.findall(text)]
    loops = [
        [what for at, what in code if target <= at <= end]
        for end, what in code
        if (target := _target(what)) is not None and target < end
    ]
    # The loop over time is the one that multiplies and is not the prologue's loop over ranks,
    # which computes no exponential.
    timed = [loop for loop in loops if any("MUFU" in what or "FMUL" in what for what in loop)]
    return max(timed or loops, key=len, default=[])


def _target(instruction: str) -> int | None:
    found = _BRANCH.search(instruction)
    return int(found[1], 16) if found and found[1] else None


def _name(instruction: str) -> str:
    word = _PREDICATE.sub("", instruction).split()[0]
    if word.startswith(("LDS", "STS", "HMMA", "HGMMA", "BAR")):
        return word
    name = word.split(".")[0]
    return f"{name}.{global_bits(word)}" if name in ("LDG", "STG") else name


def global_bits(word: str) -> int:
    """Bits that a thread reads or writes with an instruction for global memory."""
    found = _BITS.search(word)
    return int(found[1]) if found else 32
