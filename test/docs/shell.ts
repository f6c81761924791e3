/** One command of a shell block: its words without quotes. Assignments before it and redirections are left out. */
export type ShellCommand = string[]

/** The commands of a shell block, in order. Understands what the docs use: quotes, `\` at line ends, `&&`, `|`, `#`, `<`, `>`. */
export function shellCommands(code: string): ShellCommand[] {
  const commands: ShellCommand[] = []
  for (const line of code.replaceAll(/\\\n\s*/g, ' ').split('\n')) {
    let command: ShellCommand = []
    const end = () => {
      const words = command.filter((_, i) => !/^[<>]/.test(command[i] ?? '') && !/^[<>]+$/.test(command[i - 1] ?? ''))
      while (/^\w+=/.test(words[0] ?? '')) words.shift()
      if (words.length > 0) commands.push(words)
      command = []
    }
    for (const [token] of line.matchAll(/#.*|&&|\||(?:"[^"]*"|'[^']*'|[^\s"'|#&])+|&(?!&)/g)) {
      if (token.startsWith('#')) break
      if (token === '&&' || token === '|') end()
      else command.push(token.replaceAll(/"([^"]*)"|'([^']*)'/g, '$1$2'))
    }
    end()
  }
  return commands
}
