"""``python -m jobs example``: the examples, each loaded only when it is asked for."""

from importlib import import_module

import click

from jobs.examples import EXAMPLES


class Examples(click.Group):
    """One command for each row of ``EXAMPLES``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(EXAMPLES)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in EXAMPLES:
            return None
        command: click.Command = import_module(EXAMPLES[name].module).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            formatter.write_dl([(name, example.purpose) for name, example in EXAMPLES.items()])


@click.group("example", cls=Examples)
def group() -> None:
    """Run an example, from nothing to an account."""
