// Scores to weights as integers, and values in codes that they weigh. Included within the namespace of each kernel for
// x86-64, behind code_pairs.h and exponentials.h.

constexpr float kMostWeight = 32767.F;

template <int Bits>
LLM_ISA float code_factors(const CodeFactors& f) {
  const Floats zero = every(1 << (Bits - 1));
  const size_t bytes = kBlockTokens * f.width * Bits / 8;
  Floats most = every(0);
  for (size_t i = 0; i < f.count; i += kLanes) {
    const auto* scales = reinterpret_cast<const float*>(f.blocks[i / kBlockTokens] + bytes) + i % kBlockTokens;
    const Floats scale = load_floats(scales, kLanes);
    store_floats(f.factors + i, scale, kLanes);
    store_floats(f.zeros + i, fma(zero, scale, load_floats(scales + kBlockTokens, kLanes)), kLanes);
    if (i + kLanes <= f.seen) {
      most = larger(scale, most);
      continue;
    }
    for (size_t j = f.seen > i ? f.seen - i : 0; j < kLanes; ++j) f.factors[i + j] = f.zeros[i + j] = 0;
    most = larger(load_floats(f.factors + i, kLanes), most);
  }
  const float largest = largest_of(most);
  const Floats inverse = every(largest > 0 ? kMostWeight / largest : 0);
  for (size_t i = 0; i < f.count; i += kLanes) {
    store_floats(f.factors + i, times(load_floats(f.factors + i, kLanes), inverse), kLanes);
  }
  return largest / kMostWeight;
}

LLM_ISA float weights(const CodeWeights& w) {
  const Floats log2e = every(kLog2E);
  const Floats shift = every(-w.largest * kLog2E);
  Floats sum = every(0);
  Floats offset = every(0);
  auto* out = reinterpret_cast<int16_t*>(w.scores);
  for (size_t i = 0; i < w.count; i += kLanes) {
    const Floats x = fma(load_floats(w.scores + i, kLanes), log2e, shift);
    const Floats power = power_of_2(larger(every(kLeastPower), x));
    sum = plus(sum, power);
    offset = fma(power, load_floats(w.zeros + i, kLanes), offset);
    store_shorts(out + i, rounded_to_ints(times(power, load_floats(w.factors + i, kLanes))), kLanes);
  }
  *w.offset += sum_of(offset);
  return sum_of(sum);
}

// So many vectors of columns of so many rows. What lies behind the last column is loaded, too, but not stored: at most
// 3.5 vectors, and behind the words of a block are 256 bytes of scales.
template <int Bits, int Rows, int Vectors>
LLM_ISA inline void column_values(const CodeValues& p, size_t first, size_t column) {
  constexpr int kPairs = 16 / Bits;
  Ints sums[Rows][Vectors];
  LLM_UNROLL
  for (int row = 0; row < Rows; ++row) {
    LLM_UNROLL
    for (int v = 0; v < Vectors; ++v) sums[row][v] = no_ints();
  }
  const int16_t* weights = p.weights + first * 2 * kScoreStride;
  for (size_t block = 0; block < p.count; ++block) {
    const uint8_t* words = p.blocks[block] + column * 4;
    const size_t later = block + kBlocksAhead;
    const ptrdiff_t ahead = later < p.count ? p.blocks[later] - p.blocks[block] : 0;
    for (size_t token = 0; token < kBlockTokens; token += 2 * kPairs, words += p.width * 4) {
      Ints loaded[Vectors];
      LLM_UNROLL
      for (int v = 0; v < Vectors; ++v) {
        loaded[v] = load_ints(words + static_cast<size_t>(v) * kLanes * 4);
        if (v % (16 / static_cast<int>(kLanes)) != 0) continue;
        _mm_prefetch(reinterpret_cast<const char*>(words + static_cast<size_t>(v) * kLanes * 4 + ahead), _MM_HINT_T1);
      }
      LLM_UNROLL
      for (int pair = 0; pair < kPairs; ++pair, weights += 2) {
        Ints x[Vectors];
        LLM_UNROLL
        for (int v = 0; v < Vectors; ++v) x[v] = pair_of<Bits>(loaded[v], pair);
        LLM_UNROLL
        for (int row = 0; row < Rows; ++row) {
          const Ints weight = both_of(weights + static_cast<size_t>(row) * 2 * kScoreStride);
          LLM_UNROLL
          for (int v = 0; v < Vectors; ++v) sums[row][v] = add_products(sums[row][v], x[v], weight);
        }
      }
    }
  }
  const Floats step = every(p.step);
  LLM_UNROLL
  for (int row = 0; row < Rows; ++row) {
    float* to = p.values + (first + static_cast<size_t>(row)) * p.width + column;
    LLM_UNROLL
    for (int v = 0; v < Vectors; ++v) {
      const size_t at = static_cast<size_t>(v) * kLanes;
      if (column + at >= p.width) break;
      const size_t left = p.width - column - at;
      store_floats(to + at, fma(step, floats_of(sums[row][v]), load_floats(to + at, left)), left);
    }
  }
}

template <int Bits, int Rows>
LLM_ISA void tile_values(const CodeValues& p, size_t first) {
  constexpr int kVectors = Rows * 4 <= kValueSums ? 4 : 2;
  for (size_t column = 0; column < p.width; column += kVectors * kLanes) {
    column_values<Bits, Rows, kVectors>(p, first, column);
  }
}

template <int Bits, int... Rows>
LLM_ISA void tiles_of_values(const CodeValues& p, std::integer_sequence<int, Rows...>) {
  using Tile = void (*)(const CodeValues&, size_t);
  static constexpr Tile kTiles[] = {tile_values<Bits, Rows + 1>...};
  for (size_t row = 0; row < p.rows;) {
    const size_t here = even_part(p.rows - row, sizeof...(Rows));
    kTiles[here - 1](p, row);
    row += here;
  }
}

template <int Bits>
LLM_ISA void code_values(const CodeValues& p) {
  tiles_of_values<Bits>(p, std::make_integer_sequence<int, kValueSums / 2>{});
}
