"""What quantisation costs, on networks that the digits' recipes trained (minutes)."""

import numpy as np
import pytest

from hub_export.parts import without_softmax
from hub_export.run import load
from hub_export.tflite import export_tflite
from training.data import evaluation_batches, open_data
from training.model import evaluation_preprocessing
from training.recipes import find_recipe
from training.train import train

pytestmark = pytest.mark.slow

RECIPES = ("convmixer_digits", "mixer_digits", "t2t_vit_digits")
# Of 364 held-out scans: the least share with the same class, and the least mean cosine of logits.
LEAST = {
    "none": (1.0, 0.99999),
    "float16": (0.995, 0.9999),
    "dynamic": (0.995, 0.9999),
    "int16x8": (0.98, 0.9999),
    "int8": (0.98, 0.99),
}


@pytest.fixture(scope="module", params=RECIPES)
def trained(request):
    recipe = find_recipe(request.param)
    how = evaluation_preprocessing(recipe)
    split = open_data(recipe.data).validation
    size = recipe.model.input_shape[:2]
    (batch,) = evaluation_batches(split, split.size, size, how.crop, how.interpolation)
    return train(recipe, quiet=True).network, *(part.numpy() for part in batch)


@pytest.mark.parametrize("quantize", LEAST)
def test_quantised_files_agree_with_the_model(quantize, trained, tmp_path):
    model, images, labels = trained
    path = tmp_path / "model.tflite"
    data = "digits" if quantize.startswith("int") else None
    export_tflite(model, path, quantize, data, output="logits")
    wanted = without_softmax(model).predict(images, verbose=0)
    found = load(path)(images)["logits"]
    lengths = np.linalg.norm(found, axis=-1) * np.linalg.norm(wanted, axis=-1)
    cosine = np.mean((found * wanted).sum(-1) / lengths)
    agreement = np.mean(found.argmax(-1) == wanted.argmax(-1))
    accuracy, before = (np.mean(x.argmax(-1) == labels) for x in (found, wanted))
    print(
        f"{model.name} {quantize}: accuracy {accuracy:.2%} (Keras {before:.2%}), agreement "
        f"{agreement:.2%}, cosine {cosine:.5f}, {path.stat().st_size / 1000:.0f} kB"
    )
    least_agreement, least_cosine = LEAST[quantize]
    assert agreement >= least_agreement
    assert cosine >= least_cosine
