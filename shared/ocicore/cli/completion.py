"""Shell completion: the scripts for bash, zsh and fish, and what they call, `PROGRAM __complete WORDS…`.

The last word is the one being typed (maybe empty). Answers are lines "word<TAB>description"; the last line is ":N", N
being what the shell is to do with them, as bits with the numbers of cobra's completion (which podman, buildah and skopeo
use: scripts made by those programs work with ours). Below `--option=` the answers are values without the option.
"""

from __future__ import annotations

from ocicore.cli import bind
from ocicore.cli.context import Context
from ocicore.cli.declare import LIST_KINDS, Argument, Command, Group, Option
from ocicore.errors import Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TextIO

    from ocicore.cli.declare import Program

_BASH = r"""# bash completion for @NAME@
_@FUNCTION@_complete() {
    local cur words cword line does=0 lead=
    local -a answers
    COMPREPLY=()
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n "=:" cur words cword
    else
        # Words as they were typed: bash has broken them at each "=" and ":".
        words=() cword=-1
        local index glue=
        for ((index = 0; index <= COMP_CWORD; index++)); do
            line=${COMP_WORDS[index]}
            if [[ -n $glue || ( $line == [=:]* && $cword -gt 0 ) ]]; then
                words[cword]+=$line
            else
                words[++cword]=$line
            fi
            [[ $line == *[=:] && $COMP_WORDBREAKS == *"${line: -1}"* ]] && glue=1 || glue=
        done
        cur=${words[cword]}
    fi
    while IFS= read -r line; do
        answers+=("${line%%$'\t'*}")
    done < <("${words[0]/#\~\//$HOME/}" __complete "${words[@]:1:cword}" 2>/dev/null)
    (( ${#answers[@]} )) || return
    line=${answers[${#answers[@]}-1]}
    unset "answers[${#answers[@]}-1]"
    [[ $line == :+([0-9]) || $line == :[0-9] ]] && does=${line#:}
    [[ $cur == -*=* ]] && cur=${cur#*=}
    # Only what follows the last place at which bash broke the word is replaced.
    [[ $cur == *=* && $COMP_WORDBREAKS == *=* ]] && lead=${cur%"${cur##*=}"}
    [[ ${cur#"$lead"} == *:* && $COMP_WORDBREAKS == *:* ]] && lead=${cur%"${cur##*:}"}
    for line in "${answers[@]}"; do
        [[ $line == "$cur"* ]] && COMPREPLY+=("${line#"$lead"}")
    done
    (( does & 2 )) && compopt -o nospace 2>/dev/null
    if (( ! ${#COMPREPLY[@]} )); then
        if (( does & 16 )); then
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -d -- "${cur#"$lead"}")
        elif (( ! (does & 4) )); then
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "${cur#"$lead"}")
        fi
    fi
}
complete -F _@FUNCTION@_complete @NAME@
"""

_ZSH = r"""#compdef @NAME@
_@FUNCTION@() {
    local -a answers given space
    local line word note does=0
    given=("${(@f)$(${~words[1]} __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    [[ $given[-1] == :<-> ]] && does=${given[-1]#:}
    given[-1]=()
    for line in $given; do
        word=${line%%$'\t'*}
        note=${line#"$word"}
        answers+=("${word//:/\\:}${note:+:${note#$'\t'}}")
    done
    (( does & 2 )) && space=(-S '')
    [[ $PREFIX == -*=* ]] && compset -P 1 '*='
    if (( ${#answers} )) && _describe -V -t values '@NAME@' answers $space; then
        return 0
    fi
    if (( does & 16 )); then
        _files -/
    elif (( ! (does & 4) )); then
        _files
    fi
}
if [ "$funcstack[1]" = "_@FUNCTION@" ]; then
    _@FUNCTION@ "$@"
else
    compdef _@FUNCTION@ @NAME@
fi
"""

_FISH = r"""# fish completion for @NAME@
function __@FUNCTION@_complete
    set -l words (commandline -opc)
    set -l typing (commandline -ct)
    set -l answers ($words[1] __complete $words[2..-1] "$typing" 2>/dev/null)
    set -l does (string replace -r '^:' '' -- $answers[-1])
    set -e answers[-1]
    set -l lead (string match -r -- '^-[^=]*=' "$typing")
    set -l found (string match -- (string replace -- "$lead" '' "$typing")"*" $answers)
    for line in $found
        echo "$lead$line"
    end
    if test (count $found) -eq 0
        if test (math "floor($does / 16) % 2") -eq 1
            __fish_complete_directories "$typing"
        else if test (math "floor($does / 4) % 2") -eq 0
            __fish_complete_path "$typing"
        end
    end
end
complete -c @NAME@ -f -a '(__@FUNCTION@_complete)'
"""

_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}

#: Answers of completers that say what the shell does: names of files or directories where no answer fits, no blank
#: after the word.
STEERING = (":file", ":dir", ":nospace")
_NO_SPACE, _NO_FILES, _DIRECTORIES = 2, 4, 16
_DIRECTIVES = {_NO_SPACE: "NoSpace", _NO_FILES: "NoFileComp", _DIRECTORIES: "FilterDirs"}

#: Kinds of options that may be given again.
_REPEATED = LIST_KINDS | {"count"}

#: `PROGRAM completion SHELL`; programs put this module into their table.
COMMAND = Command(
    "Generate shell completion",
    description="Prints the completion script of a shell, for bash, zsh or fish.",
    options=(
        Option("file", "f", kind="path", help="Write the script to this file"),
        Option("no-desc", also=("no-descriptions",), help="Leave descriptions out"),
    ),
    arguments=(Argument("shell", help="bash, zsh or fish", completer="=bash zsh fish"),),
    examples=(
        ("source <(pypod completion bash)", "complete in the running shell"),
        ("pypod completion fish -f ~/.config/fish/completions/pypod.fish", "complete in every new fish"),
    ),
)


class Typed(Context):
    """What completers are handed: `given` has the long names of the options typed so far."""

    __slots__ = ("given",)

    given: frozenset[str]


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

    def context(path: tuple[str, ...], found: list[tuple[Option, str]], typed: frozenset[str]) -> Typed:
        shared, given = bind.values_of(program.options, found, environ, program.name)
        globals_ = bind.Args(shared, given, [], None)
        ctx = Typed(
            program,
            path=path,
            globals_=globals_,
            environ=environ,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            log_level=0,
        )
        ctx.given = typed
        return ctx

    found = complete(program, words or [""], context)
    for word, note in found:
        if word not in STEERING:
            stdout.write(f"{word}\t{note}\n" if note and descriptions else f"{word}\n")
    bits = directive(found)
    stdout.write(f":{bits}\n")
    stdout.flush()
    names = [f"ShellCompDirective{name}" for bit, name in _DIRECTIVES.items() if bits & bit]
    told = ", ".join(names or ["ShellCompDirectiveDefault"])
    stderr.write(f"Completion ended with directive: {told}\n")
    return 0


def directive(found: list[tuple[str, str]]) -> int:
    """What the shell does with the answers of `complete`: the bits no space (2), no files (4), directories (16)."""
    words = [word for word, _ in found]
    bits = 0 if ":file" in words else _DIRECTORIES if ":dir" in words else _NO_FILES
    return bits | (_NO_SPACE if ":nospace" in words else 0)


def complete(program: Program, words: list[str], context: object = None) -> list[tuple[str, str]]:
    """What the last word may become, with descriptions; words of `STEERING` among them.

    Args:
        context: called as `(path, global options found, long names of all options found)` for the `Typed` of a
            completer; None leaves completers out.
    """
    *before, typing = words
    line = _Line(program)
    for word in before:
        line.take(word)
    if line.pending is not None:
        return _option_values(line.pending, typing, line, context)
    if typing.startswith("-") and not line.ended:
        name, equals, text = typing.partition("=")
        option = line.by_long.get(name[2:]) if name.startswith("--") else None
        if equals and option is not None:
            return _option_values(option, text, line, context)
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
        self.given: set[Option] = set()
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
                self.given.add(option)

    def _take_option(self, option: Option | None, text: str | None) -> None:
        if option is None:
            return
        self.given.add(option)
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
            if option.hidden or (option in self.given and option.kind not in _REPEATED):
                continue
            if f"--{option.long}".startswith(typing):
                found.append((f"--{option.long}", option.help))
            if option.short and typing in ("-", f"-{option.short}"):
                found.append((f"-{option.short}", option.help))
        if "--help".startswith(typing):
            found.append(("--help", "Show help and exit"))
        if not self.path and self.command is None and "--version".startswith(typing):
            found.append(("--version", "Show the version and exit"))
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


def _option_values(option: Option, typing: str, line: _Line, context: object) -> list[tuple[str, str]]:
    if option.kind == "strings":
        # A comma list: what is typed belongs to its last element.
        lead, comma, last = typing.rpartition(",")
        found = _values(option, last, line, context)
        return [(word if word in STEERING else lead + comma + word, note) for word, note in found]
    return _values(option, typing, line, context)


def _values(option: Option, typing: str, line: _Line, context: object) -> list[tuple[str, str]]:
    if option.completer:
        return _from_completer(option.completer, typing, line, context)
    if option.choices:
        return _beginning(option.choices, typing)
    if option.kind in ("bool", "tristate"):
        return _beginning(("true", "false"), typing)
    return [(":file", "")] if option.kind == "path" else []


def _beginning(words: Iterable[str], typing: str) -> list[tuple[str, str]]:
    return [(word, "") for word in words if word in STEERING or word.startswith(typing)]


def _argument_values(line: _Line, typing: str, context: object) -> list[tuple[str, str]]:
    if line.command is None:
        return []
    index = len(line.words)
    for argument in line.command.arguments:
        if argument.max is None or index < argument.max:
            return _from_completer(argument.completer, typing, line, context)
        index -= argument.max
    return []


def _from_completer(completer: str, typing: str, line: _Line, context: object) -> list[tuple[str, str]]:
    if completer in ("file", "dir"):
        return [(f":{completer}", "")]
    if completer.startswith("="):
        return _beginning(completer[1:].split(), typing)
    if not completer or not callable(context):
        return []
    from ocicore.cli.main import load_function

    shared = set(line.program.options)
    found = []
    try:
        given = frozenset(option.long for option in line.given)
        ctx = context(line.path, [pair for pair in line.found if pair[0] in shared], given)
        answers: Iterable[str] = load_function(completer)(typing, line.words, ctx)  # type: ignore[assignment]
        for answer in answers:
            word, _, note = answer.partition("\t")
            if word in STEERING or word.startswith(typing):
                found.append((word, note))
    except Exception:  # noqa: BLE001 – who presses Tab wants no error: the command itself will say what is wrong
        pass
    return found


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
