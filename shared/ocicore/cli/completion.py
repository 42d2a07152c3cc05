"""Shell completion: the scripts for bash, zsh and fish, and what they call, `PROGRAM __complete WORDS…`.

The last word is the one being typed (maybe empty). Answers are lines "word<TAB>description"; the lines ":file" and
":dir" ask the shell to complete names of files or directories itself.
"""

from __future__ import annotations

from ocicore.cli import bind
from ocicore.cli.declare import Argument, Command, Group, Option
from ocicore.errors import Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TextIO

    from ocicore.cli.context import Context
    from ocicore.cli.declare import Program

_BASH = r"""# bash completion for @NAME@
_@FUNCTION@_complete() {
    local cur words cword line word
    COMPREPLY=()
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n "=:" cur words cword
    else
        cur=${COMP_WORDS[COMP_CWORD]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
    fi
    while IFS= read -r line; do
        case $line in
        :file) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- "${cur#*=}")) ;;
        :dir) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -d -- "${cur#*=}")) ;;
        *)
            word=${line%%$'\t'*}
            [[ $word == --*= || $word == *[:/.] ]] && compopt -o nospace 2>/dev/null
            COMPREPLY+=("$word")
            ;;
        esac
    done < <(@NAME@ __complete "${words[@]:1:cword}" 2>/dev/null)
    if declare -F __ltrim_colon_completions >/dev/null; then
        __ltrim_colon_completions "$cur"
    fi
}
complete -F _@FUNCTION@_complete @NAME@
"""

_ZSH = r"""#compdef @NAME@
_@FUNCTION@() {
    local -a answers
    local line word note
    while IFS= read -r line; do
        case $line in
        :file) _files ;;
        :dir) _files -/ ;;
        *)
            word=${line%%$'\t'*}
            note=${line#*$'\t'}
            answers+=("${word//:/\\:}:$note")
            ;;
        esac
    done < <(@NAME@ __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    (( ${#answers} )) && _describe -t values '@NAME@' answers
}
if [ "$funcstack[1]" = "_@FUNCTION@" ]; then
    _@FUNCTION@ "$@"
else
    compdef _@FUNCTION@ @NAME@
fi
"""

_FISH = r"""# fish completion for @NAME@
function __@FUNCTION@_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in (@NAME@ __complete $words[2..-1] 2>/dev/null)
        switch $line
            case :file
                __fish_complete_path (commandline -ct)
            case :dir
                __fish_complete_directories (commandline -ct)
            case '*'
                echo $line
        end
    end
end
complete -c @NAME@ -f -a '(__@FUNCTION@_complete)'
"""

_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}

#: Answers that leave the work to the shell.
_SHELLS_OWN = (":file", ":dir")

#: `PROGRAM completion SHELL`; programs put this module into their table.
COMMAND = Command(
    "Generate shell completion",
    description="Prints the completion script of a shell, for bash, zsh or fish.",
    options=(
        Option("file", "f", kind="path", help="Write the script to this file"),
        Option("no-desc", also=("no-descriptions",), help="Leave descriptions out"),
    ),
    arguments=(Argument("shell", help="bash, zsh or fish"),),
    examples=(
        ("source <(pypod completion bash)", "complete in the running shell"),
        ("pypod completion fish -f ~/.config/fish/completions/pypod.fish", "complete in every new fish"),
    ),
)


def run(args: bind.Args, ctx: Context) -> int:
    """Handler of `completion`."""
    text = script(ctx.program.name, args.shell, descriptions=not args.no_desc)
    if args.file:
        with open(args.file, "w") as stream:
            stream.write(text)
    else:
        ctx.stdout.write(text)
    return 0


def script(name: str, shell: str, *, descriptions: bool = True) -> str:
    """The completion script of a program for a shell.

    Raises:
        InvalidInput: an unknown shell.
    """
    template = _SCRIPTS.get(shell)
    if template is None:
        raise InvalidInput(f'unsupported shell "{shell}"', hint=f"known are {', '.join(_SCRIPTS)}")
    if not descriptions:
        template = template.replace("__complete", "__completeNoDesc")
    return template.replace("@NAME@", name).replace("@FUNCTION@", name.replace("-", "_"))


def complete_main(
    program: Program,
    words: list[str],
    environ: Mapping[str, str],
    stdin: TextIO,
    stdout: TextIO,
    stderr: TextIO,
    *,
    descriptions: bool = True,
) -> int:
    """`PROGRAM __complete WORDS…`."""
    from ocicore.cli.context import Context

    def context(path: tuple[str, ...], found: list[tuple[Option, str]]) -> Context:
        shared, given = bind.values_of(program.options, found, environ, program.name)
        globals_ = bind.Args(shared, given, [], None)
        return Context(
            program,
            path=path,
            globals_=globals_,
            environ=environ,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            log_level=0,
        )

    found = complete(program, words or [""], context)
    for word, note in found:
        stdout.write(f"{word}\t{note}\n" if note and descriptions else f"{word}\n")
    # As programs with cobra's completion end; scripts that test completions read it.
    unfinished = len(found) == 1 and found[0][0].endswith(("=", ":", "/", "."))
    directive = (
        "Default" if found and found[-1][0] in _SHELLS_OWN else "NoSpace" if unfinished else "NoFileComp"
    )
    stdout.flush()
    stderr.write(f"Completion ended with directive: ShellCompDirective{directive}\n")
    return 0


def complete(program: Program, words: list[str], context: object = None) -> list[tuple[str, str]]:
    """What the last word may become, with descriptions.

    Args:
        context: called as `(path, global options found)` for the `Context` of a completer; None leaves
            completers out.
    """
    *before, typing = words
    line = _Line(program)
    for word in before:
        line.take(word)
    if line.pending is not None:
        return _option_values(line.pending, typing, "", line, context)
    if typing.startswith("-") and not line.ended:
        name, equals, text = typing.partition("=")
        option = line.by_long.get(name[2:]) if name.startswith("--") else None
        if equals and option is not None:
            return _option_values(option, text, f"{name}=", line, context)
        return line.option_names(typing)
    if line.table is not None:
        return [(name, summary) for name, summary in _commands(line.table) if name.startswith(typing)]
    return _argument_values(line, typing, context)


class _Line:
    """What the words before the one being typed amount to."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.table: dict[str, object] | None = dict(program.commands)
        self.command: Command | None = None
        self.path: tuple[str, ...] = ()
        self.options: tuple[Option, ...] = program.options
        self.pending: Option | None = None
        self.found: list[tuple[Option, str]] = []
        self.words: list[str] = []
        self.ended = False
        self._index()

    def _index(self) -> None:
        self.by_long = {name: option for option in self.options for name in (option.long, *option.also)}
        self.by_short = {option.short: option for option in self.options if option.short}

    def take(self, word: str) -> None:
        if self.pending is not None:
            self.found.append((self.pending, word))
            self.pending = None
        elif self.ended or len(word) < 2 or word[0] != "-":
            self._take_word(word)
        elif word == "--":
            self.ended = True
        elif word.startswith("--"):
            name, equals, text = word[2:].partition("=")
            self._take_option(self.by_long.get(name), text if equals else None)
        else:
            for index, letter in enumerate(word[1:], 2):
                option = self.by_short.get(letter)
                if option is None or option.takes_value():
                    self._take_option(option, word[index:] or None)
                    break

    def _take_option(self, option: Option | None, text: str | None) -> None:
        if option is None:
            return
        if text is not None:
            self.found.append((option, text))
        elif option.takes_value():
            self.pending = option

    def _take_word(self, word: str) -> None:
        if self.table is None:
            self.words.append(word)
            if self.command is not None and not self.command.interspersed:
                self.ended = True
            return
        chosen = bind.lookup(self.table, word)  # type: ignore[arg-type]
        if chosen is None:
            self.table = {}
            return
        name, entry = chosen
        self.path = (*self.path, name)
        if isinstance(entry, Group):
            self.table = dict(entry.commands)
            return
        self.table = None
        self.command = bind.load_command(entry[0])
        inherited = [option for option in self.program.options if not option.leading]
        self.options = (*inherited, *self.command.options)
        self._index()

    def option_names(self, typing: str) -> list[tuple[str, str]]:
        own = self.command.options if self.command is not None else () if self.path else self.program.options
        found = []
        for option in own:
            if option.hidden:
                continue
            ending = "=" if option.bare is None and option.takes_value() else ""
            if f"--{option.long}".startswith(typing):
                found.append((f"--{option.long}{ending}", option.help))
            if option.short and typing in ("-", f"-{option.short}"):
                found.append((f"-{option.short}", option.help))
        if "--help".startswith(typing):
            found.append(("--help", "Show help and exit"))
        return found


def _commands(table: Mapping[str, object]) -> list[tuple[str, str]]:
    found = []
    for name, entry in table.items():
        if isinstance(entry, Group):
            if not entry.hidden:
                found.append((name, entry.summary))
        elif isinstance(entry, tuple) and entry[1]:
            found.append((name, str(entry[1])))
    return sorted(found)


def _option_values(
    option: Option, typing: str, lead: str, line: _Line, context: object
) -> list[tuple[str, str]]:
    if option.choices:
        return [(lead + choice, "") for choice in option.choices if choice.startswith(typing)]
    if option.kind in ("bool", "tristate"):
        return [(lead + choice, "") for choice in ("true", "false") if choice.startswith(typing)]
    if option.kind == "path" and not option.completer:
        return [(":file", "")]
    return _from_completer(option.completer, typing, lead, line, context)


def _argument_values(line: _Line, typing: str, context: object) -> list[tuple[str, str]]:
    if line.command is None:
        return []
    index = len(line.words)
    for argument in line.command.arguments:
        if argument.max is None or index < argument.max:
            return _from_completer(argument.completer, typing, "", line, context)
        index -= argument.max
    return []


def _from_completer(
    completer: str, typing: str, lead: str, line: _Line, context: object
) -> list[tuple[str, str]]:
    if completer in ("file", "dir"):
        return [(f":{completer}", "")]
    if not completer or not callable(context):
        return []
    from ocicore.cli.main import load_function

    shared = set(line.program.options)
    try:
        ctx = context(line.path, [pair for pair in line.found if pair[0] in shared])
        answers: Iterable[str] = load_function(completer)(typing, line.words, ctx)  # type: ignore[assignment]
        pairs = [answer.partition("\t") for answer in answers]
    except (Error, OSError, ValueError):
        return []  # a completion that fails completes nothing; the command itself will say why
    return [
        (word if word in _SHELLS_OWN else lead + word, note)
        for word, _, note in pairs
        if word in _SHELLS_OWN or word.startswith(typing)
    ]


def main(argv: list[str]) -> int:
    """`python -m ocicore.cli.completion --program NAME --shell SHELL`: prints a script; for packagers."""
    import sys

    values = dict(zip(argv[::2], argv[1::2], strict=False))
    name, shell = values.get("--program"), values.get("--shell")
    if len(argv) != 4 or not name or not shell:
        sys.stderr.write("usage: python -m ocicore.cli.completion --program NAME --shell SHELL\n")
        return 2
    try:
        sys.stdout.write(script(name, shell))
    except Error as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    import sys

    sys.exit(main(sys.argv[1:]))
