// Completion scripts for shells. They know the names of the commands, and ask the command line itself for all else
// (`candidates.ts`). Anyone may have named what is completed: no shell may ever read a name as anything but text, neither
// here nor where it is put into the command line.

import type { Command } from "commander";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** Asked for with the words before the cursor and the one it is in; answered in lines, the first says of what kind. */
export const candidatesCommand = "complete";

export function completionScript(shell: Shell, program: Command): string {
  const commands = program.commands.filter((one) => ![candidatesCommand, "help"].includes(one.name()));
  return scripts[shell](commands);
}

const scripts: Record<Shell, (commands: readonly Command[]) => string> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

function bashScript(commands: readonly Command[]): string {
  return `# treekeeper completion for bash: eval "$(treekeeper completion bash)"

_treekeeper() {
  local current="\${COMP_WORDS[COMP_CWORD]}" word raw typed kind joined=""
  local -a words=() lines=()
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 && "$current" != -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "${commands.map((command) => command.name()).join(" ")}" -- "$current")
    return
  fi
  # bash takes words apart at colons and equals signs.
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD}"; do
    if [[ \${#words[@]} -gt 0 && ( -n "$joined" || "$word" =~ ^[:=]+$ ) ]]; then words[-1]+="$word"; else words+=("$word"); fi
    [[ "$word" =~ ^[:=]+$ ]] && joined=1 || joined=""
  done
  raw="\${words[-1]}"
  # Typed with backslashes, which this takes away; what is offered gets them again.
  for word in "\${!words[@]}"; do IFS= read typed <<< "\${words[word]}"; words[word]="$typed"; done
  mapfile -t lines < <(treekeeper ${candidatesCommand} -- "\${words[@]}" 2>/dev/null)
  kind="\${lines[0]}"
  case "$kind" in
    files) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$typed"); return ;;
    command*)
      if declare -F _command_offset >/dev/null; then _command_offset $((\${kind#command } + 1))
      elif [[ \${#words[@]} -eq $((\${kind#command } + 1)) ]]; then mapfile -t COMPREPLY < <(compgen -c -- "$typed")
      else compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$typed")
      fi
      return ;;
    paths) compopt -o nospace ;;
  esac
  for word in "\${lines[@]:1}"; do
    word="\${word%%$'\\t'*}"
    printf -v word %q "$word"
    COMPREPLY+=("\${word:\${#raw}-\${#current}}")
  done
}

complete -F _treekeeper treekeeper
`;
}

function zshScript(commands: readonly Command[]): string {
  const names = commands.map((command) => quoted(`${command.name()}:${command.summary()}`));
  return `#compdef treekeeper
# treekeeper completion for zsh: eval "$(treekeeper completion zsh)"

_treekeeper() {
  local typed="\${(Q)PREFIX}" line start
  local -a lines values shown commands
  if (( CURRENT == 2 )) && [[ "$typed" != -* ]]; then
    commands=(${names.join(" ")})
    _describe command commands
    return
  fi
  lines=("\${(@f)$(treekeeper ${candidatesCommand} -- "\${(@Q)words[2,CURRENT-1]}" "$typed" 2>/dev/null)}")
  case "$lines[1]" in
    files) _files; return ;;
    command*)
      start=\${lines[1]#command }
      shift $(( start + 1 )) words
      (( CURRENT -= start + 1 ))
      _normal
      return ;;
  esac
  for line in "\${(@)lines[2,-1]}"; do
    [[ -n "$line" ]] || continue
    values+=("\${line%%$'\\t'*}")
    shown+=("\${line/$'\\t'/  -- }")
  done
  (( $#values )) || return 1
  if [[ "$lines[1]" == paths ]]; then compadd -S '' -- "\${(@)values}"; else compadd -l -d shown -- "\${(@)values}"; fi
}

compdef _treekeeper treekeeper
`;
}

function fishScript(commands: readonly Command[]): string {
  const names = commands.map((command) => {
    const isFirst = "-n 'test (count (commandline -opc)) -eq 1'";
    return `complete -c treekeeper -f ${isFirst} -a ${command.name()} -d ${quoted(command.summary())}`;
  });
  return `# treekeeper completion for fish: treekeeper completion fish | source

function __treekeeper_candidates
  set -l before (string unescape -- (commandline -opc))
  set -l current (string unescape -- (commandline -ct))
  # The first word is one of the commands below.
  test (count $before) -eq 1; and not string match -q -- '-*' "$current"; and return
  set -l lines (treekeeper ${candidatesCommand} -- $before[2..] "$current" 2>/dev/null)
  set -l kind (string split ' ' -- "$lines[1]")
  switch "$kind[1]"
    case files
      __fish_complete_path "$current"
    case command
      complete -C (string join ' ' -- (string escape -- $before[(math $kind[2] + 2)..] ) (string escape -- "$current" | string replace -r "^''\\$" ''))
    case '*'
      printf '%s\\n' $lines[2..]
  end
end

complete -c treekeeper -f -a '(__treekeeper_candidates)'
${names.join("\n")}
`;
}

/** In single quotes, as all three shells read them; a colon parts what zsh describes. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "").replaceAll("`", "")}'`;
}
