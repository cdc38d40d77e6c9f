"""Run in an environment that has only the wheel: what is in it, and that it works.

python -P tests/check_wheel.py dist/keras_mixers-*.whl, since this folder has a keras_mixers, too
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import keras

import keras_mixers

ROOT = Path(__file__).parents[1]
EXPECTED = {"keras_mixers", "hub_export", "training", "keras_mixers_cli"}
# Files that are no modules; setuptools leaves them out unless it is told.
DATA = {
    str(path.relative_to(ROOT))
    for pattern in ("keras_mixers/*.txt", "training/comparison/*.jinja", "hub_export/web/site/*")
    for path in ROOT.glob(pattern)
}


def main(wheel: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    packages = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    if packages != EXPECTED:
        sys.exit(f"The wheel holds {sorted(packages)}, expected {sorted(EXPECTED)}.")
    missing = {*DATA, *(f"{package}/py.typed" for package in EXPECTED)} - set(names)
    if missing or not any(name.endswith("licenses/LICENSE") for name in names):
        sys.exit(f"The wheel lacks {sorted(missing) or 'its LICENSE'}.")
    if Path(keras_mixers.__file__).is_relative_to(ROOT / "keras_mixers"):
        sys.exit("This environment imports the source tree, not the wheel.")

    model = keras_mixers.ConvMixer(8, 1, 4, 3, classes=3, input_shape=(None, None, 3))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        keras.models.load_model(path)
    command = Path(sys.executable).with_name("keras-mixers")
    subprocess.run([command, "info", "mixer_b16"], check=True)
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main(sys.argv[1])
