import { LLMError } from '../../errors.js'
import type { TextSource } from '../text-source.js'
import { ChatTemplate } from './chat-template.js'
import { chosenTemplate, type Wanted } from './chosen-template.js'
import { TemplateProbe } from './template-probe.js'

/** Templates that are kept compiled: callers may give one with each request. */
const maxCompiled = 16

/** The chat templates of one model, and those that requests bring along; compiled once. */
export class TemplateChoice {
  readonly #source: TextSource
  readonly #compiled = new Map<string, TemplateProbe>()

  constructor(source: TextSource) {
    this.#source = source
  }

  /**
   * The template that `chatTemplate` names or is. Without that option: `tool_use` when tools are given and the model
   * has it, else `default`.
   * @throws TypeError when `chatTemplate` is neither a name nor a template; LLMError ERR_NO_CHAT_TEMPLATE,
   * ERR_TEMPLATE.
   */
  choose(wanted: Wanted): TemplateProbe {
    const { templates, templateFile, tokenizerPath } = this.#source
    const names = Object.keys(templates)
    const chosen = chosenTemplate(templates, wanted)
    if (chosen !== undefined) return this.#compile(chosen.source, chosen.own ? 'option chatTemplate' : templateFile)
    if (wanted.chatTemplate !== undefined) {
      throw new TypeError(
        `chatTemplate: expected a template or one of [${names.join(', ')}], ` +
          `received ${JSON.stringify(wanted.chatTemplate.slice(0, 60))}`,
      )
    }
    const found = names.length === 0 ? 'none' : names.join(', ')
    throw new LLMError(
      'ERR_NO_CHAT_TEMPLATE',
      `${templateFile || tokenizerPath}: expected a chat template named 'default', found ${found}; ` +
        'give the option chatTemplate',
    )
  }

  #compile(source: string, file: string): TemplateProbe {
    let probe = this.#compiled.get(source)
    if (probe === undefined) {
      if (this.#compiled.size >= maxCompiled) this.#compiled.clear()
      probe = new TemplateProbe(new ChatTemplate(source, file))
      this.#compiled.set(source, probe)
    }
    return probe
  }
}
