import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { modelFolder } from './model-folder.js'

const fixture = join('test', 'fixtures', 'ir', 'tiny-llama-fp32')

/**
 * The tiny Llama with x + (x · scale)² · 1e-30 in place of the last hidden states x, the square converted to f16 and back.
 *
 * @param scale 1e6: the same numbers where the device computes in f32 or bf16, because then OpenVINO leaves such conversions out, infinite
 * in f16, whose largest number is 65504; 1e25: infinite everywhere
 */
export function overflowingModel(t: Pick<Test, 'testdir'>, scale: number): string {
  const xml = readFileSync(join(fixture, 'openvino_model.xml'), 'utf8')
  const bin = readFileSync(join(fixture, 'openvino_model.bin'))
  const numbers = Buffer.alloc(8)
  numbers.writeFloatLE(scale, 0)
  numbers.writeFloatLE(1e-30, 4)

  const head = /<layer id="(\d+)" name="[^"]*lm_head[^"]*" type="MatMul"/.exec(xml)?.[1]
  const edge = new RegExp(`<edge from-layer="(\\d+)" from-port="(\\d+)" to-layer="${head}" to-port="0" />`).exec(xml)
  if (!head || !edge) throw new Error('the fixture has no lm_head')
  const [whole, from, fromPort] = edge

  const states = '<dim>-1</dim><dim>-1</dim><dim>64</dim>'
  const port = (id: number, type: string, dims: string) => `<port id="${id}" precision="${type}">${dims}</port>`
  const layer = (id: number, type: string, data: string, inputs: string, output: string) =>
    `<layer id="${id}" name="overflow/${id}" type="${type}" version="opset1">${data}${inputs && `<input>${inputs}</input>`}<output>${output}</output></layer>`
  const constant = (id: number, offset: number) =>
    layer(
      id,
      'Const',
      `<data element_type="f32" shape="1" offset="${offset}" size="4" />`,
      '',
      port(0, 'FP32', '<dim>1</dim>'),
    )
  const binary = (id: number, type: string, second: string) =>
    layer(
      id,
      type,
      '<data auto_broadcast="numpy" />',
      port(0, 'FP32', states) + port(1, 'FP32', second),
      port(2, 'FP32', states),
    )
  const convert = (id: number, to: string, read: string, written: string) =>
    layer(id, 'Convert', `<data destination_type="${to}" />`, port(0, read, states), port(1, written, states))
  const connect = (a: number | string, aPort: number | string, b: number | string, bPort: number) =>
    `<edge from-layer="${a}" from-port="${aPort}" to-layer="${b}" to-port="${bPort}" />`

  const one = '<dim>1</dim>'
  const [large, scaled, square, half, single, tiny, small, sum] = [9001, 9002, 9003, 9004, 9005, 9006, 9007, 9008]
  const layers = [
    constant(large, bin.length),
    binary(scaled, 'Multiply', one),
    binary(square, 'Multiply', states),
    convert(half, 'f16', 'FP32', 'FP16'),
    convert(single, 'f32', 'FP16', 'FP32'),
    constant(tiny, bin.length + 4),
    binary(small, 'Multiply', one),
    binary(sum, 'Add', states),
  ]
  const edges = [
    connect(from as string, fromPort as string, scaled, 0),
    connect(large, 0, scaled, 1),
    connect(scaled, 2, square, 0),
    connect(scaled, 2, square, 1),
    connect(square, 2, half, 0),
    connect(half, 1, single, 0),
    connect(single, 1, small, 0),
    connect(tiny, 0, small, 1),
    connect(from as string, fromPort as string, sum, 0),
    connect(small, 2, sum, 1),
    connect(sum, 2, head, 0),
  ]
  // Layers come in the order of computation.
  const layerOfHead = new RegExp(`<layer id="${head}" `)
  return modelFolder(t, {
    'openvino_model.xml': xml.replace(whole, edges.join('\n')).replace(layerOfHead, `${layers.join('\n')}\n$&`),
    'openvino_model.bin': Buffer.concat([bin, numbers]),
  })
}
