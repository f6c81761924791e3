import type { GgufMends } from '../../engine/boundary.js'
import { ggufFamilies } from '../families.js'
import type { GgufHeader } from './metadata.js'

/** Gemma 3's layers with a window rotate by this base when the file names no other. */
const gemma3LocalBase = 10_000

/**
 * What OpenVINO 2026.4.1's front end leaves out of the graph, though the file or the family says it.
 *
 * @param header of a file that `refuseUnfaithful` accepted
 */
export function graphMends(header: GgufHeader): GgufMends {
  const { architecture, metadata } = header
  const family = ggufFamilies[architecture]
  const layers = metadata.integer(`${architecture}.block_count`, 1) ?? 0
  const unrotated = family?.unrotatedEvery ?? 0
  const scaled = (metadata.number(`${architecture}.rope.scaling.factor`) ?? 1) !== 1
  return {
    ...rotation(header),
    localRopeBase:
      family?.localRope && scaled ? (metadata.number(`${architecture}.rope.freq_base_swa`) ?? gemma3LocalBase) : 0,
    unrotatedLayers: Int32Array.from(
      Array.from({ length: layers }, (_, i) => i).filter((i) => unrotated > 0 && (i + 1) % unrotated === 0),
    ),
    attentionMask: family?.windowEverywhere ? mask(header) : '',
  }
}

/** Llama-3's factors, or those of LongRoPE's shorter regime: the context ends where the longer one begins. */
function rotation({
  architecture,
  metadata,
  ropeFactors,
}: GgufHeader): Pick<GgufMends, 'ropeFactors' | 'ropeMagnitude'> {
  const short = ropeFactors.get('rope_factors_short.weight')
  if (!short) return { ropeFactors: [...(ropeFactors.get('rope_freqs.weight') ?? [])], ropeMagnitude: 1 }
  const given = metadata.number(`${architecture}.rope.scaling.attn_factor`)
  return { ropeFactors: [...short], ropeMagnitude: given ?? longRopeMagnitude(metadata, architecture) }
}

/** arXiv 2402.13753, as transformers computes it where no factor is given. */
function longRopeMagnitude(metadata: GgufHeader['metadata'], architecture: string): number {
  const context = metadata.integer(`${architecture}.context_length`, 1) ?? 1
  const original = metadata.integer(`${architecture}.rope.scaling.original_context_length`, 1) ?? context
  return context <= original ? 1 : Math.sqrt(1 + Math.log(context / original) / Math.log(original))
}

/** The front end gives a window to every other layer. */
function mask({ architecture, metadata }: GgufHeader): GgufMends['attentionMask'] {
  const window = metadata.integer(`${architecture}.attention.sliding_window`, 0)
  if (!window) return ''
  return window < (metadata.integer(`${architecture}.context_length`, 1) ?? Number.POSITIVE_INFINITY)
    ? 'windowed'
    : 'full'
}
