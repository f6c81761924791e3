// Pieces of llguidance's variant of Lark.

/** A text as Lark writes it: JSON's way, but for DEL, which Lark takes only as an escape. */
export const larkText = (text: string): string => JSON.stringify(text).replaceAll('\x7f', '\\u007f')

/** Letters as they stand in a regular expression of Lark. */
export const escaped = (word: string): string => word.replace(/[/.*+?^${}()|[\]\\]/g, '\\$&')

/** A rule of any text up to the first match of a regular expression. */
export const upTo = (rule: string, pattern: string): string => `${rule}[lazy]: /(?s:.*)${pattern}/`
