"""What quantisation costs, on networks that the digits' recipes trained (minutes)."""

import pytest

from benchmarks.tflite import accuracy as tflite_accuracy

pytestmark = pytest.mark.slow

# Of 364 held-out scans: the least share with the same class, and the least mean cosine of logits.
LEAST = {
    "none": (1.0, 0.99999),
    "float16": (0.995, 0.9999),
    "dynamic": (0.995, 0.9999),
    "int16x8": (0.98, 0.9999),
    "int8": (0.98, 0.99),
}


@pytest.fixture(scope="module", params=tflite_accuracy.RECIPES)
def trained(request):
    return tflite_accuracy.train_on_digits(request.param)


@pytest.mark.parametrize("quantize", LEAST)
def test_quantised_files_agree_with_the_model(quantize, trained, tmp_path):
    found = tflite_accuracy.compare_file(trained, quantize, tmp_path / "model.tflite")
    agreement, cosine = LEAST[quantize]
    assert found.agreement >= agreement
    assert found.cosine >= cosine
