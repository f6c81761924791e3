// @ts-check
// Model types whose code lies beside their weights on the hub, where this script fetches nothing. For each, a tiny random model was made with
// a public copy of that code. The same copy gave the tokens to compare with; export and comparison were those of this script.

const positions = 'the model cannot be paged: its positions would be those of the whole step, not of each sequence'
/** @param {string} type */
const refused = (type) =>
  `refused: ERR_UNSUPPORTED_MODEL: config.json: model_type ${type}: optimum-intel's export of it computes other tokens than the original model`

/** @type {Omit<import('./verdict.mjs').Verdict, 'wrong'>[]} */
export const byHand = [
  { name: 'deepseek_v2', modelType: 'deepseek_v2', transformers: '4.53.3', words: `right, stateful: ${positions}` },
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
]
