import { run } from '../bench/modules.js'

/** What became of a schema: why it was refused, or whether each text went through its grammar. */
export type Followed = string | readonly boolean[]

/** Follows texts through the grammars of schemas, with the tokens of a tiny model and without the model. */
export async function follow(cases: readonly { schema: object; texts: readonly string[] }[]): Promise<Followed[]> {
  const wanted = cases.map(({ schema, texts }) => ({ schema, texts: texts.map((text) => ({ text })) }))
  const { result, error } = await run(
    ['schemas/texts'],
    `followTexts(${JSON.stringify(wanted)}, 'test/fixtures/ir/tiny-llama-fp32')`,
  )
  if (error !== undefined) throw new Error(error)
  const found = result as ({ error: string } | { texts: ({ accepted: boolean } | { error: string })[] })[]
  return found.map((one) => ('error' in one ? one.error : one.texts.map((text) => 'accepted' in text && text.accepted)))
}
