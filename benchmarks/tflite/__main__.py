"""Makes `python -m benchmarks.tflite` the same as `python -m benchmarks.tflite.speed`."""

import typer

from benchmarks.tflite.speed import main

typer.run(main)
