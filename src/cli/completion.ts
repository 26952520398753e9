// Completion scripts for shells, made of the table of commands: what --help lists is what is completed. Znode paths are
// completed by asking the service, as the command line itself does. Anyone may have named those: no shell may ever read
// a name as anything but text, neither here nor where it is put into the command line.

import type { Command, Option } from "commander";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

export function completionScript(shell: Shell, program: Command): string {
  const commands = program.commands.filter((command) => command.name() !== "help");
  return scripts[shell]({ program, commands });
}

interface Completed {
  readonly program: Command;
  readonly commands: readonly Command[];
}

const scripts: Record<Shell, (completed: Completed) => string> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** The children of what is typed up to its last slash, as whole paths. */
const pathsFunction = `
_treekeeper_paths() {
  local parent="\${1%/*}" name
  treekeeper ls -- "\${parent:-/}" 2>/dev/null | while IFS= read -r name; do printf '%s\\n' "$parent/$name"; done
}`;

function bashScript({ program, commands }: Completed): string {
  const cases = commands.map((command) => {
    const words = [...command.commands.map((sub) => sub.name()), ...flagsOf(command), ...flagsOf(program)];
    return `    ${command.name()}) words="${words.join(" ")}" ;;`;
  });
  const names = commands.map((command) => command.name());
  return `# treekeeper completion for bash: eval "$(treekeeper completion bash)"
${pathsFunction}

_treekeeper() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command="" words word typed path
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in ${names.join("|")}) command="$word"; break ;; esac
  done
  case "$command" in
    "") words="${[...names, ...flagsOf(program)].join(" ")}" ;;
${cases.join("\n")}
  esac
  COMPREPLY=()
  if [[ "$current" != /* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    return
  fi
  compopt -o nospace
  # Typed with backslashes, which this takes away; what is offered gets them again.
  IFS= read typed <<< "$current"
  while IFS= read -r path; do
    [[ "$path" == "$typed"* ]] || continue
    printf -v path %q "$path"
    COMPREPLY+=("$path")
  done < <(_treekeeper_paths "$typed")
}

complete -F _treekeeper treekeeper
`;
}

function zshScript({ program, commands }: Completed): string {
  const described = (command: Command) => quoted(`${command.name()}:${command.summary()}`);
  const cases = commands.map((command) => {
    const options = [...optionsOf(command), ...optionsOf(program)].map((option) =>
      quoted(`${longFlagOf(option)}:${option.description}`),
    );
    return `    ${command.name()}) words=(${[...command.commands.map(described), ...options].join(" ")}) ;;`;
  });
  return `#compdef treekeeper
# treekeeper completion for zsh: eval "$(treekeeper completion zsh)"
${pathsFunction}

_treekeeper() {
  local -a words_before=("\${(@)words[2,CURRENT-1]}") words paths
  local typed="\${(Q)PREFIX}" command="" word
  for word in $words_before; do
    case "$word" in ${commands.map((command) => command.name()).join("|")}) command="$word"; break ;; esac
  done
  if [[ "$typed" == /* ]]; then
    paths=("\${(@f)$(_treekeeper_paths "$typed")}")
    compadd -S '' -- "\${(@)paths:#}"
    return
  fi
  case "$command" in
    "") words=(${commands.map(described).join(" ")}) ;;
${cases.join("\n")}
  esac
  _describe treekeeper words
}

compdef _treekeeper treekeeper
`;
}

function fishScript({ program, commands }: Completed): string {
  const names = commands.map((command) => command.name()).join(" ");
  const lines = commands.flatMap((command) => {
    const within = `-n '__fish_seen_subcommand_from ${command.name()}'`;
    return [
      `complete -c treekeeper -f -n 'not __fish_seen_subcommand_from ${names}' -a ${command.name()} -d ${quoted(command.summary())}`,
      ...command.commands.map(
        (sub) => `complete -c treekeeper -f ${within} -a ${sub.name()} -d ${quoted(sub.summary())}`,
      ),
      ...optionsOf(command).map((option) => fishOption(option, within)),
    ];
  });
  return `# treekeeper completion for fish: treekeeper completion fish | source

function __treekeeper_paths
  set -l typed (string unescape -- (commandline -ct))
  set -l parent (string replace -r '/[^/]*$' '' -- "$typed")
  set -l path "$parent"
  test -n "$path"; or set path /
  for name in (treekeeper ls -- "$path" 2>/dev/null)
    printf '%s\\n' "$parent/$name"
  end
end

complete -c treekeeper -n 'string match -q "/*" -- (commandline -ct)' -a '(__treekeeper_paths)'
${optionsOf(program)
  .map((option) => fishOption(option, ""))
  .join("\n")}
${lines.join("\n")}
`;
}

function fishOption(option: Option, within: string): string {
  const name = longFlagOf(option).replace(/^--/, "");
  const value = option.required ? " -r" : "";
  return `complete -c treekeeper ${within} -l ${name}${value} -d ${quoted(option.description)}`.replace(
    / {2,}/g,
    " ",
  );
}

function optionsOf(command: Command): readonly Option[] {
  return command.options.filter(({ long }) => long !== undefined && long !== null);
}

function flagsOf(command: Command): string[] {
  return [...optionsOf(command).map(longFlagOf), "--help"];
}

function longFlagOf({ long }: Option): string {
  return long as string;
}

/** In single quotes, as all three shells read them; a colon parts what zsh describes. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "").replaceAll("`", "")}'`;
}
