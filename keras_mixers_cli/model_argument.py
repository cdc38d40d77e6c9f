"""MODEL and --weights, which the commands have in common."""

from typing import Annotated

import typer

from keras_mixers_cli.console import UsageError

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A run's folder, a .keras, .tflite or .onnx file, a SavedModel or its .tar.gz, "
        "hf://USER/NAME or kaggle://..., or a variant's name with --weights.",
    ),
]
KerasModel = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A run's folder, a .keras file, hf://USER/NAME or kaggle://..., or a variant's name "
        "with --weights.",
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        help="Weights of a variant: released ones, as imagenet, a file, or hf://USER/NAME."
    ),
]


def check_model(model: str, weights: str | None, keras: bool = False) -> None:
    """Raise an error for what is no model, before anything that takes time is imported.

    Args:
        model: The argument MODEL.
        weights: The option --weights.
        keras: Whether it must be a Keras model, of which exports are made.

    Raises:
        UsageError: If a variant lacks its weights, or an address on a hub is malformed.
        OSError, ValueError: As `find_model`.
    """
    from hub_export.named_model import Form, find_model
    from keras_mixers.weights.hubs.address import is_hub_address, parse_hub_address

    for name in filter(is_hub_address, (model, weights)):
        try:
            parse_hub_address(str(name))
        except ValueError as error:
            raise UsageError(str(error)) from None
    found = find_model(model, weights)
    if found.form is Form.VARIANT and weights is None:
        raise UsageError(f"{model} needs --weights; see `keras-mixers weights {model}`.")
    if keras:
        found.require_keras()
