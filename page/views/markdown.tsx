import { Component, type ComponentChild } from 'preact'
import { type MarkdownBlock, type MarkdownNode, parseMarkdown } from '../markdown/nodes.js'
import { CopyButton } from './copy-button.js'

/** A text of the model. Only elements that `markdown/nodes.ts` names are made, and none by parsing HTML. */
export function Markdown({ text }: { text: string }) {
  return (
    <div class="prose">
      {parseMarkdown(text).map((block, i) => (
        <Block key={i} block={block} />
      ))}
    </div>
  )
}

/** While an answer comes, only its last block changes. */
class Block extends Component<{ block: MarkdownBlock }> {
  override shouldComponentUpdate({ block }: { block: MarkdownBlock }): boolean {
    return block.source !== this.props.block.source
  }

  override render() {
    return <>{this.props.block.nodes.map(draw)}</>
  }
}

function draw(node: MarkdownNode): ComponentChild {
  if (typeof node === 'string') return node
  const { tag: Tag, children, href, language, start, align } = node
  const inner = children.map(draw)
  switch (Tag) {
    case 'pre':
      return <CodeBlock language={language ?? ''} text={children.join('')} />
    case 'a':
      return (
        <a href={href ?? ''} target="_blank" rel="noopener noreferrer nofollow" title={href ?? ''}>
          {inner}
        </a>
      )
    case 'ol':
      return <ol start={start}>{inner}</ol>
    case 'table':
      return (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a wide table is scrolled by keys
        <section class="wide" aria-label="Table" tabIndex={0}>
          <table>{inner}</table>
        </section>
      )
    case 'th':
    case 'td':
      return <Tag class={align && `align-${align}`}>{inner}</Tag>
    case 'br':
    case 'hr':
      return <Tag />
    default:
      return <Tag>{inner}</Tag>
  }
}

export function CodeBlock({ language, text }: { language: string; text: string }) {
  return (
    <figure class="code">
      <figcaption>
        <span>{language || 'text'}</span>
        <CopyButton label="Copy code" text={text} />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: long lines are scrolled by keys */}
      <pre tabIndex={0}>
        <code>{text}</code>
      </pre>
    </figure>
  )
}
