"""Stands for training.comparison.worker, without training: `python fake_worker.py JOB`.

A run has an accuracy that follows from its recipe, and an epoch takes a moment. A depth of 3 fails,
and one of 4 ends by a signal. Each start is a line in the file `starts` beside the runs.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

MOMENT = 0.02


def main(job: dict) -> None:
    recipe = json.loads(Path(job["recipe"]).read_text()) | {"seed": job["seed"]}
    run = Path(job["run"])
    run.mkdir(parents=True, exist_ok=True)
    with (run.parent / "starts").open("a") as starts:
        starts.write(f"{run.name} {job['devices']['strategy']}\n")
    depth, width = (recipe["model"]["arguments"][name] for name in ("depth", "hidden_dim"))
    if depth == 3:
        sys.exit("error: The loss was nan.")
    if depth == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    (run / "recipe.json").write_text(json.dumps(recipe))
    top1 = round(0.8 + 0.01 * depth + 0.001 * width + 0.002 * recipe["seed"], 6)
    log = run / "log.csv"
    done = len(log.read_text().splitlines()) - 1 if log.exists() else 0
    for epoch in range(done, recipe["epochs"]):
        time.sleep(MOMENT)
        with log.open("a") as file:
            head = "" if epoch else "epoch,val_top1\n"
            file.write(f"{head}{epoch + 1},{top1 * (epoch + 1) / recipe['epochs']}\n")
    result = {"accuracy": top1, "loss": 1 - top1, "parameters": 100 * width, "top5": None}
    result |= {"multiply_adds": 10 * depth, "epochs": recipe["epochs"], "validation_images": 1000}
    part = run / "part"
    part.write_text(json.dumps(result))
    part.rename(run / "result.json")


def end_with_standard_input() -> None:
    os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    main(json.loads(sys.argv[1]))
