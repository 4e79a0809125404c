"""The commands of `novacron-cloud`: what there is, and where it is.

Nothing heavy is imported before it is needed: a noun's file when one of its commands is looked up, the server and the
sandbox when they run. So `--help` answers at once, and the client's commands work where the server is not installed.
"""

import importlib
from typing import Annotated, Any

try:
    import typer
    from typer.core import TyperGroup
except ModuleNotFoundError as error:
    # pip puts the command in place also where only the client was asked for.
    raise SystemExit(
        f"error: the command is not installed (no {error.name}): pip install 'novacron-cloud[cli]'"
    ) from None

EPILOG = """\b
Exit codes:
  0    it worked
  1    the call failed, or its answer is not complete
  2    bad usage or bad input (INVALID_ARGUMENT)
  3    no server answers
  4    not found
  5    permission or credentials
  6    throttled, overloaded or unavailable: repeat later
  130  interrupted
"""

# No markup: it would cost 0.2 s of imports, and colours in help help nobody.
app = typer.Typer(
    name="novacron-cloud",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _tell_version(is_wanted: bool) -> None:
    if is_wanted:
        from importlib.metadata import version

        typer.echo(f"novacron-cloud {version('novacron-cloud')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """NovaCron Cloud: several clouds behind one gRPC contract."""


class _Noun(TyperGroup):
    """A group of commands whose file is imported when one of them is looked up."""

    def _commands(self) -> TyperGroup:
        # "providers" is novacron_cli/providers.py, whose Typer is `app`.
        module = importlib.import_module(f"novacron_cli.{self.name}")
        return typer.main.get_group(module.app)

    def list_commands(self, ctx: Any) -> list[str]:
        return self._commands().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return self._commands().get_command(ctx, cmd_name)


def _noun(name: str, help: str) -> None:
    app.add_typer(typer.Typer(cls=_Noun, no_args_is_help=True, rich_markup_mode=None), name=name, help=help)


_noun("providers", "Cloud accounts: register and inspect them.")
_noun("instances", "Virtual machines: create and manage them.")
_noun("operations", "Changes under way: follow and cancel them.")
_noun("metrics", "Metrics: live, latest, history, and values of your own.")
_noun("config", "The configuration of the server.")


def _command(name: str) -> None:
    """A command that is a file of its own, with few imports."""
    module = importlib.import_module(f"novacron_cli.{name}")
    app.command(name)(getattr(module, name))


_command("demo")


@app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []})
def serve(ctx: typer.Context) -> None:
    """Run the server until SIGTERM or Ctrl-C."""
    # It reads its arguments itself, since it mostly runs without this file.
    from novacron_cli.serve import serve

    serve(ctx.args)


_command("sandbox")
