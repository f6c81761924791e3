// @ts-check
// Model types whose code lies beside their weights on the hub, where this script fetches nothing. For each, a tiny random model was made with
// a public copy of that code. The same copy gave the tokens to compare with; export and comparison were those of this script.
// For gemma4_text a limit of the exporter was lifted instead: it wants transformers from 5.5 and up to 5.0 at once.

const positions = 'the model cannot be paged: its positions would be those of the whole step, not of each sequence'
/** @param {string} type */
const refused = (type) =>
  `refused: ERR_UNSUPPORTED_MODEL: config.json: model_type ${type}: optimum-intel's export of it computes other tokens than the original model`

const dynamic =
  'export differs, warned: config.json stretches positions beyond 64 tokens (dynamic RoPE scaling), and exports for OpenVINO do not: the context ends there. ' +
  'For a longer one, export the model with a scaling that hangs on no length, such as yarn, in config.json'

/** Types that were not compared, and why. */
const notCompared = [
  ...['aquila', 'deci', 'exaone', 'jais', 'orion', 'xverse'].map((name) => [
    name,
    'no public copy of its released code was found',
  ]),
  ['arctic', 'the public copy of its code needs DeepSpeed'],
]

/** @type {Omit<import('./verdict.mjs').Verdict, 'wrong'>[]} */
export const byHand = [
  ...notCompared.map(([name = '', why]) => ({
    name,
    modelType: name,
    transformers: '',
    words: `not compared: ${why}`,
  })),
  { name: 'baichuan-13b', modelType: 'baichuan', transformers: '4.57.6', words: 'right, paged' },
  { name: 'baichuan-7b', modelType: 'baichuan', transformers: '4.57.6', words: `right, stateful: ${positions}` },
  { name: 'baichuan2-13b-6-heads', modelType: 'baichuan', transformers: '4.57.6', words: 'right, paged' },
  { name: 'baichuan2-13b', modelType: 'baichuan', transformers: '4.57.6', words: 'right, paged' },
  {
    name: 'chatglm3',
    modelType: 'chatglm',
    transformers: '4.53.3',
    words:
      'right, stateful: the model cannot be paged: its attention masks cannot be computed: a mask has the shape [1,1,48,49]',
  },
  {
    name: 'chatglm3-32k',
    modelType: 'chatglm',
    transformers: '4.53.3',
    words:
      "not exported: RuntimeError: Couldn't get TorchScript module by tracing. Exception: The size of tensor a (18) must match the size of tensor b (32) at non-singleton dimension 2",
  },
  { name: 'baichuan2-7b', modelType: 'baichuan', transformers: '4.57.6', words: `right, stateful: ${positions}` },
  { name: 'glm-4-9b-chat', modelType: 'chatglm', transformers: '4.53.3', words: 'right, paged' },
  {
    name: 'deepseek',
    modelType: 'deepseek',
    transformers: '4.53.3',
    words:
      'not exported: AttributeError: Could not find the attribute named "qk_nope_head_dim" in the normalized config.',
  },
  { name: 'deepseek_v2', modelType: 'deepseek_v2', transformers: '4.53.3', words: `right, stateful: ${positions}` },
  {
    name: 'deepseek_v2-groups',
    modelType: 'deepseek_v2',
    transformers: '4.53.3',
    words: `right, stateful: ${positions}`,
  },
  {
    name: 'deepseek_v2-yarn-unscaled',
    modelType: 'deepseek_v2',
    transformers: '4.53.3',
    words: `right, stateful: ${positions}`,
  },
  {
    name: 'deepseek_v2-yarn',
    modelType: 'deepseek_v2',
    transformers: '4.53.3',
    words: `${refused('deepseek_v2')}: it leaves out the scale of attention that config.json asks for (mscale_all_dim in rope_scaling)`,
  },
  {
    name: 'deepseek_v3-remote',
    modelType: 'deepseek_v3',
    transformers: '4.53.3',
    words: `${refused('deepseek_v3')}: it rotates other pairs of dimensions by their positions`,
  },
  { name: 'gemma4_text-limit-lifted', modelType: 'gemma4_text', transformers: '5.5.4', words: 'right, paged' },
  {
    name: 'gemma4_text-shared-limit-lifted',
    modelType: 'gemma4_text',
    transformers: '5.5.4',
    words:
      'right, stateful: the model cannot be paged: it keeps 4 states for 4 attention layers, not a key and a value for each',
  },
  {
    name: 'internlm',
    modelType: 'internlm',
    transformers: '4.57.6',
    words:
      "not exported: RuntimeError: Couldn't get TorchScript module by tracing. Exception: index 7 is out of bounds for dimension 0 with size 1",
  },
  { name: 'internlm2', modelType: 'internlm2', transformers: '4.57.6', words: `right, stateful: ${positions}` },
  { name: 'internlm2-dynamic', modelType: 'internlm2', transformers: '4.57.6', words: dynamic },
  { name: 'internlm2.5', modelType: 'internlm2', transformers: '4.57.6', words: 'right, paged' },
  { name: 'internlm2.5-dynamic', modelType: 'internlm2', transformers: '4.57.6', words: dynamic },
  { name: 'minicpm', modelType: 'minicpm', transformers: '4.53.3', words: `right, stateful: ${positions}` },
  { name: 'minicpm3', modelType: 'minicpm3', transformers: '4.53.3', words: `right, stateful: ${positions}` },
  { name: 'ouro', modelType: 'ouro', transformers: '4.57.6', words: 'right, paged' },
  { name: 'qwen', modelType: 'qwen', transformers: '4.53.3', words: `right, stateful: ${positions}` },
]
