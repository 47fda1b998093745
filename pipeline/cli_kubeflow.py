"""The commands `shelfwise kubeflow ...`."""

import datetime
import pathlib
import tempfile
from typing import Annotated

import typer
from rich.console import Console

from pipeline.cli_options import ConfigName, Overrides, Refusal, load_config, waiting

app = typer.Typer(
    help="The pipeline on Kubeflow Pipelines: compile it, submit it.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("compile")
def compile_pipeline(
    config: ConfigName,
    overrides: Overrides = None,
    output: Annotated[
        pathlib.Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="The file to write; NAME.yaml, or NAME.json for Vertex."),
    ] = None,
    vertex: Annotated[bool, typer.Option("--vertex", help="A job of Vertex AI Pipelines instead, as JSON.")] = False,
) -> None:
    """Compile the pipeline for open-source Kubeflow Pipelines 2.

    The file needs nothing but the images: schemas and settings are in it. What differs from run to run is a parameter
    with the configuration's value as its default.
    """
    loaded = load_config(config, overrides)
    path = output or pathlib.Path(f"{loaded.name}.json" if vertex else f"{loaded.name}.yaml")
    with waiting(f"Compiling {loaded.name}"):
        from pipeline.kubeflow import compiler

        compiler.write(loaded, path, vertex)
    Console().print(f"{loaded.name} is compiled: {path}", highlight=False, soft_wrap=True)


@app.command()
def submit(
    config: ConfigName,
    endpoint: Annotated[str, typer.Option(metavar="URL", help="Kubeflow Pipelines, such as http://localhost:8888.")],
    overrides: Overrides = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the run, such as epochs=2; repeatable."),
    ] = None,
    namespace: Annotated[
        str | None, typer.Option(metavar="NAME", help="Your namespace, where the deployment is for many users.")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="SHELFWISE_KUBEFLOW_TOKEN", help="Sent as a bearer; better from a file or the environment."
        ),
    ] = None,
    token_file: Annotated[pathlib.Path | None, typer.Option(metavar="FILE", help="A file that holds it.")] = None,
    pipeline_root: Annotated[
        str | None, typer.Option(metavar="URL", help="Where artefacts are stored; kubeflow.pipeline_root without.")
    ] = None,
    experiment: Annotated[str, typer.Option(metavar="NAME", help="What the run belongs to.")] = "shelfwise",
    run_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What it is called; with the time without.")
    ] = None,
    cache: Annotated[bool, typer.Option(help="Whether components may be taken from earlier runs.")] = True,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for its end; not 0 when it fails.")] = False,
) -> None:
    """Compile the pipeline and start a run of it on a cluster."""
    loaded = load_config(config, overrides)
    given = _pairs(parameters or [])
    if token_file is not None:
        token = token_file.read_text().strip()
    with waiting(f"Submitting {loaded.name}"), tempfile.TemporaryDirectory() as folder:
        from pipeline.kubeflow import submit as submitting

        submitter = submitting.Submitter(submitting.Endpoint(endpoint, namespace, token))  # before what takes long
        from pipeline.kubeflow import compiler

        package = compiler.write(loaded, pathlib.Path(folder, f"{loaded.name}.yaml"))
        name = run_name or f"{loaded.name} {datetime.datetime.now():%Y-%m-%d %H:%M:%S}"
        submitted = submitter.submit(
            package,
            submitting.parameters_of(package, given),
            pipeline_root or loaded.kubeflow.pipeline_root,
            experiment,
            name,
            cache,
        )
    Console().print(f"{name} is started: {submitted.page}", highlight=False, soft_wrap=True)
    if wait:
        with waiting(f"Running {name}"):
            submitter.wait(submitted.run_id)
        Console().print(f"{name} succeeded", highlight=False)


def _pairs(arguments: list[str]) -> dict[str, str]:
    pairs = [argument.partition("=") for argument in arguments]
    if wrong := [name for name, separator, _ in pairs if not (name and separator)]:
        raise Refusal(f"--param '{wrong[0]}': write NAME=VALUE, such as epochs=2")
    return {name: value for name, _, value in pairs}
