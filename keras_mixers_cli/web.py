"""`keras-mixers export web` and `serve`."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from keras_mixers_cli.console import (
    echo,
    one_line_errors,
    packages_of,
    plain_warnings,
    quiet_start,
)
from keras_mixers_cli.export_options import (
    Licence,
    Overwrite,
    Quantize,
    RepresentativeData,
    Size,
    representative_images,
    square,
)
from keras_mixers_cli.model_argument import KerasModel, Weights, check_model
from keras_mixers_cli.verify import Data, Labels, print_verification


@one_line_errors()
@plain_warnings()
@packages_of("export")
def web(
    model: KerasModel,
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    quantize: Annotated[Quantize, typer.Option(help="Number format of the network.")] = (
        Quantize.dynamic
    ),
    representative_data: RepresentativeData = None,
    size: Size = None,
    runtime: Annotated[
        Path | None,
        typer.Option(
            help="Folder node_modules/@litertjs/core, to copy LiteRT.js from. [default: browsers "
            "load it from a CDN]"
        ),
    ] = None,
    weights: Weights = None,
    labels: Labels = None,
    licence: Licence = None,
    data: Data = None,
    overwrite: Overwrite = False,
) -> None:
    """Export a web page that runs the model in the browser.

    It is a folder for any web server; `serve` shows it on this machine. Its network is loaded in a
    new process and compared with the model before OUT appears.
    """
    check_model(model, weights, keras=True)
    with quiet_start():
        from hub_export.exportable_model import load_exportable_model
        from hub_export.web.export import export_web
        from hub_export.web.page import CONFIG_FILE, MODEL_FILE
        from keras_mixers.atomic_files import check_writable
    check_writable(out, overwrite, CONFIG_FILE)
    origin = load_exportable_model(model, weights, labels, licence)
    input_shape = square(size, origin)
    verification = export_web(
        origin.model,
        out,
        quantize.value,
        representative_images(representative_data, origin, input_shape),
        input_shape=input_shape,
        labels=origin.labels,
        facts=origin.facts,
        runtime=runtime,
        overwrite=overwrite,
        data=data,
    )
    print_verification(out / MODEL_FILE, verification)
    echo(f"keras-mixers serve {out}")


@one_line_errors()
def serve(
    page: Annotated[Path, typer.Argument(metavar="OUT", help="A folder of `export web`.")],
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen at; 0 for any that is free.")
    ] = 8000,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Show a web page of `export web` on this machine, until Ctrl-C."""
    from hub_export.web.server import HOST, page_server

    with page_server(page, port) as server:
        address = f"http://{HOST}:{server.server_port}/"
        echo(f"{address} (Ctrl-C ends it)")
        if browser:
            webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            echo("")
