"""Which model a command's MODEL means. Importing it imports neither Keras nor TensorFlow."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hub_export.archive import SAVED_MODEL_FILE, SUFFIX
from keras_mixers.catalogue import list_models, model_info
from keras_mixers.catalogue.sources import find_source
from keras_mixers.run_files import MODEL_FILE
from keras_mixers.weights.hubs.address import is_hub_address, parse_hub_address


class Form(StrEnum):
    """The form of a model; the value is what messages call it."""

    VARIANT = "a variant"
    RUN = "a run's folder"
    KERAS = "a .keras file"
    HUB = "a model on a hub"
    SAVED_MODEL = "a SavedModel"
    TFLITE = "a TFLite file"
    ONNX = "an ONNX file"


_KERAS_FORMS = frozenset({Form.VARIANT, Form.RUN, Form.KERAS, Form.HUB})
_FORM_OF_SUFFIX = {".keras": Form.KERAS, ".tflite": Form.TFLITE, ".onnx": Form.ONNX}
_EXPECTED = (
    f"expected a run's folder with a file {MODEL_FILE}, a .keras, .tflite or .onnx file, a "
    f"SavedModel's folder or its {SUFFIX}, hf:// or kaggle:// and a model's name there, or a "
    "variant's name"
)


@dataclass(frozen=True)
class NamedModel:
    """A model as a user names it.

    Attributes:
        name: The path, the address on a hub, or the variant's name.
        form: What it is.
        weights: Of a variant, the name of released weights, a file or an address on a hub; None
            for random ones.
    """

    name: str
    form: Form
    weights: str | None = None

    @property
    def path(self) -> Path:
        """The file or folder; of a variant, its name; of a model on a hub, its address."""
        return Path(self.name)

    def file(self) -> Path:
        """Return the `.keras` file; that of a model on a hub is downloaded.

        Raises:
            DownloadError: An OSError, if it can't be downloaded.
        """
        if self.form is Form.HUB:
            from keras_mixers.weights.hubs.fetch import fetch_model  # It imports Keras.

            return fetch_model(self.name)
        return self.path / MODEL_FILE if self.form is Form.RUN else self.path

    def require_keras(self) -> None:
        """Raise ValueError unless it is a Keras model, of which exports are made."""
        if self.form not in _KERAS_FORMS:
            raise ValueError(
                f"{self.name} is {self.form}, which is an export itself; expected what it was made "
                "from: a run's folder, a .keras file, hf:// or kaggle:// and a model's name there, "
                "or a variant's name."
            )


def find_model(name: str | Path, weights: str | None = None) -> NamedModel:
    """Find out what a name means. A path that exists comes before a variant of the same name.

    Nothing is downloaded for it.

    Args:
        name: A run's folder, a `.keras`, `.tflite` or `.onnx` file, a SavedModel's folder or its
            `.tar.gz`, an address on a hub such as "hf://user/name", or a variant's name, such as
            "mixer_b16".
        weights: Of a variant, the name of released weights, such as "imagenet", a file, or an
            address on a hub.

    Raises:
        FileNotFoundError: If there is neither such a path nor such a variant.
        ValueError: If it is something else, the name is almost a variant's, or the weights don't
            belong to it.

    >>> find_model("mixer_b16", "imagenet").form
    <Form.VARIANT: 'a variant'>
    """
    name = str(name)
    path = Path(name)
    if not path.exists() and name in list_models():
        if is_hub_address(weights):
            parse_hub_address(str(weights))
        elif weights is not None and not Path(weights).is_file():
            find_source(name, weights)
        return NamedModel(name, Form.VARIANT, weights)
    on_hub = is_hub_address(name)
    if on_hub:
        parse_hub_address(name)
    elif not path.exists():
        if path.name == name and not path.suffix:
            model_info(name)  # Raises an error that suggests similar names.
        raise FileNotFoundError(f"There is no model {name!r}; {_EXPECTED}.")
    if weights is not None:
        raise ValueError(
            f"{name} has weights already; give the name of a variant, or leave out the weights "
            f"{weights}."
        )
    if on_hub:
        return NamedModel(name, Form.HUB)
    form = _form_of_folder(path) if path.is_dir() else _form_of_file(path)
    if form is None:
        raise ValueError(f"{name} is no model; {_EXPECTED}.")
    return NamedModel(name, form)


def full_name(name: str | Path, weights: str | None) -> str:
    """Return the name of a model for a report; of a variant with weights, VARIANT:WEIGHTS.

    >>> full_name("mixer_b16", "imagenet")
    'mixer_b16:imagenet'
    """
    return str(name) if weights is None else f"{name}:{weights}"


def _form_of_folder(path: Path) -> Form | None:
    if (path / MODEL_FILE).is_file():
        return Form.RUN
    return Form.SAVED_MODEL if (path / SAVED_MODEL_FILE).is_file() else None


def _form_of_file(path: Path) -> Form | None:
    return Form.SAVED_MODEL if path.name.endswith(SUFFIX) else _FORM_OF_SUFFIX.get(path.suffix)
