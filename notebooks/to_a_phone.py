# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From training to a phone and a browser
#
# A recipe trains a network on scans of digits, `export_tflite` writes it for LiteRT (TensorFlow Lite) in several
# precisions, `export_web` as a page, and each file is compared with the network on images that it has never seen.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

import keras_mixers.visualize
from hub_export import export_tflite, export_web
from training.data import evaluation_batches, open_data, sample_images
from training.recipes import find_recipe
from training.train import train

folder = Path(tempfile.mkdtemp())

# %% [markdown]
# ## Train
#
# A recipe is data: the network, its optimizer, schedule and augmentation. `train` writes a run's folder, from which every
# command goes on: `keras-mixers export tflite RUN digits.tflite`.

# %%
result = train(find_recipe("convmixer_digits"), folder / "run", quiet=True)
f"{result.top1:.2%} of {result.validation_images} images that were held out"

# %% [markdown]
# ## Export
#
# Integers need images that say how large the numbers inside the network are: `representative_data`. Every file is run by
# LiteRT and compared with the network before it appears under its name.

# %%
data = open_data("digits")
calibration = sample_images("digits", (8, 8, 1), most=100)
for quantize in ("none", "float16", "dynamic", "int8"):
    options = {"representative_data": calibration} if quantize == "int8" else {}
    found = export_tflite(
        result.network,
        folder / f"{quantize}.tflite",
        quantize=quantize,
        labels=list(data.class_names),
        **options,
    )
    size = (folder / f"{quantize}.tflite").stat().st_size
    print(
        f"{quantize:8} {size / 1000:6.0f} kB, at most {found.checks[0].difference:.1e} from the network"
    )

# %% [markdown]
# ## What the phone runs
#
# The interpreter takes what the file says. These lines are the same in Python on a Raspberry Pi, and much the same in
# Kotlin and Swift.

# %%
interpreter = Interpreter(str(folder / "int8.tflite"))
interpreter.allocate_tensors()
inputs, outputs = interpreter.get_input_details()[0], interpreter.get_output_details()[0]


def classify(image: np.ndarray) -> np.ndarray:
    """Return the scores (classes,) of an image (8, 8, 1)."""
    interpreter.set_tensor(inputs["index"], image[np.newaxis].astype(inputs["dtype"]))
    interpreter.invoke()
    return interpreter.get_tensor(outputs["index"])[0]


batches = evaluation_batches(data.validation, 64, (8, 8)).as_numpy_iterator()
images, expected = (np.concatenate(parts) for parts in zip(*batches, strict=True))
scores = np.stack([classify(image) for image in images])
accuracy = float(np.mean(scores.argmax(axis=1) == expected))
same = float(
    np.mean(scores.argmax(axis=1) == result.network.predict(images, verbose=0).argmax(axis=1))
)
print(f"int8: {accuracy:.2%} right, {same:.2%} the same class as the network in float32")

# %% [markdown]
# ## A browser
#
# The same kind of file runs in a web page. `export_web` writes one: drop a photo, and it shows the five most probable
# classes, computed on the device. `keras-mixers serve FOLDER` shows it on this machine; any web server does for others.

# %%
found = export_web(result.network, folder / "page", labels=list(data.class_names))
print(f"probabilities differ by {found.checks[0].difference:.1e} of the largest from the network's")
sorted(path.name for path in (folder / "page").iterdir())

# %%
probabilities = result.network.predict(images[:20], verbose=0)
keras_mixers.visualize.prediction_sheet(images[:20], probabilities, expected[:20], data.class_names)

# %%
assert accuracy > 0.95, accuracy
