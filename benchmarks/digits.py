"""Prints docs/training.md's table of the quick recipes' accuracy: `python -m benchmarks.digits`."""

import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import mean

from training.recipes import DIGITS_RECIPES, find_recipe
from training.train import train

SEEDS = (0, 1, 2)


def main() -> None:
    """Train each recipe with each seed, and print a table with one row per recipe."""
    rows = [
        "| command | seeds | top-1 of 364 held-out scans | mean | parameters | seconds a run |",
        "|---|---|---|---:|---:|---:|",
    ]
    for name in DIGITS_RECIPES:
        results = []
        for seed in SEEDS:
            with tempfile.TemporaryDirectory() as folder:
                recipe = replace(find_recipe(name), seed=seed)
                results.append(train(recipe, Path(folder, "run"), quiet=True))
        rows.append(
            f"| keras-mixers train {name} --seed SEED | {', '.join(map(str, SEEDS))} "
            f"| {', '.join(f'{100 * result.top1:.2f}' for result in results)} "
            f"| {100 * mean(result.top1 for result in results):.2f} "
            f"| {results[0].parameters:,} | {mean(result.seconds for result in results):.0f} |"
        )
    print("\n".join(rows))


if __name__ == "__main__":
    main()
