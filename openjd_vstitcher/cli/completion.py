"""`openjd-vs completion`: the script that lets a shell complete commands and options."""

from __future__ import annotations

import os

import click
from click.shell_completion import (
    CompletionItem,
    ShellComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from . import COMPLETION_VARIABLE, main

_POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($word, $ast, $position)
    $env:%(complete_var)s = "powershell_complete"
    $env:COMP_WORDS = $ast.ToString()
    $env:COMP_WORD = $word
    try {
        %(prog_name)s | ForEach-Object {
            $value, $help = $_ -split "`t", 2
            if (-not $help) { $help = $value }
            [System.Management.Automation.CompletionResult]::new($value, $value, "ParameterValue", $help)
        }
    } finally {
        Remove-Item Env:%(complete_var)s, Env:COMP_WORDS, Env:COMP_WORD -ErrorAction SilentlyContinue
    }
}
"""


@add_completion_class
class PowerShellComplete(ShellComplete):
    """Completion in PowerShell, which click does not bring."""

    name = "powershell"
    source_template = _POWERSHELL

    def get_completion_args(self) -> tuple[list[str], str]:
        """The complete words before the cursor, and the one at it."""
        word = os.environ.get("COMP_WORD", "")
        words = split_arg_string(os.environ.get("COMP_WORDS", ""))[1:]
        return (words[:-1] if word and words else words), word

    def format_completion(self, item: CompletionItem) -> str:
        """A line of the answer: the value and its help."""
        return f"{item.value}\t{item.help or ''}"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish", "powershell"]))
def command(shell: str) -> None:
    """Print the script that completes commands and options in a SHELL.

    \b
    bash        eval "$(openjd-vs completion bash)"        in ~/.bashrc
    zsh         eval "$(openjd-vs completion zsh)"         in ~/.zshrc
    fish        openjd-vs completion fish | source         in ~/.config/fish/config.fish
    powershell  openjd-vs completion powershell | Out-String | Invoke-Expression    in $PROFILE
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(main, {}, "openjd-vs", COMPLETION_VARIABLE).source())
