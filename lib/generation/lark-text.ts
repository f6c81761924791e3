/** A text as Lark writes it: JSON's way, but for DEL, which Lark takes only as an escape. */
export const larkText = (text: string): string => JSON.stringify(text).replaceAll('\x7f', '\\u007f')
