import { node } from '../scripts/script.js'

export interface Ran {
  result: unknown
  error?: string
}

/** What an expression gives with the exports of these modules of bench/ in scope. It may be a promise. */
export async function run(modules: string[], expression: string): Promise<Ran> {
  const names = modules.map((name) => `...(await import('./bench/${name}.mjs'))`).join(', ')
  const program = `
    const scope = { ${names} }
    const evaluate = new Function(...Object.keys(scope), ${JSON.stringify(`return ${expression}`)})
    try {
      console.log(JSON.stringify({ result: await evaluate(...Object.values(scope)) }))
    } catch (error) {
      console.log(JSON.stringify({ error: error.message }))
    }`
  const { code, stdout, stderr } = await node(['--input-type=module', '-e', program], {})
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Ran
}
