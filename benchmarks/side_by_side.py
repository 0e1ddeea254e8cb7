"""Timing several things beside one another in one process, so that their ratio means something."""

import os
import platform
import time
from collections.abc import Callable

import torch


def best_seconds(tasks: dict[str, Callable[[], object]], repeats: int = 5) -> dict[str, float]:
    """The shortest time of each task; they take turns, after one round to warm up."""
    best = dict.fromkeys(tasks, float("inf"))
    for turn in range(repeats + 1):
        for name, task in tasks.items():
            begin = time.perf_counter()
            task()
            if turn:
                best[name] = min(best[name], time.perf_counter() - begin)
    return best


def report(title: str, seconds: dict[str, float], ratio: float, goal: str):
    """One block of figures: what ran, how long, the ratio and its goal."""
    print(f"\n{title}")
    for name, value in seconds.items():
        print(f"  {name:<48} {value:8.3f} s")
    print(f"  ratio {ratio:.2f} (goal: {goal})")


def machine() -> str:
    """Where and with what this ran."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{platform.machine()}, {torch.get_num_threads()} threads{load}, torch {torch.__version__}"
    )
