import type { TextRewrite } from '../../options/rewrite.js'
import { goExpression } from './go-expression.js'

/**
 * A text as a {@link TextRewrite} changes it, in LocalAI's order. The expressions may run for minutes: this is for a thread with a deadline.
 * @param prompt what `echo` puts before the text
 */
export function rewriteText(text: string, rewrite: TextRewrite, prompt: string): string {
  let changed = rewrite.echo ? prompt + text : text
  for (const expression of rewrite.cut) changed = changed.replace(goExpression(expression, 'g'), '')
  const extracted = rewrite.extract.map((expression) => goExpression(expression).exec(changed)?.[0] ?? '').join('')
  if (extracted !== '') changed = extracted
  for (const prefix of rewrite.prefixes) {
    if (changed.startsWith(prefix)) changed = changed.slice(prefix.length)
    changed = changed.trim()
  }
  for (const suffix of rewrite.suffixes) {
    if (changed.endsWith(suffix)) changed = changed.slice(0, changed.length - suffix.length)
    changed = changed.trim()
  }
  return changed
}
