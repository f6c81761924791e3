// Scores with keys in codes, as sums of integers. Included within the namespace of each kernel for x86-64, behind
// code_pairs.h.
//
// Scales of keys hang on channel and block. For few rows the queries take them on: they are rounded anew for each
// block. For many rows a block's codes are rounded to 14 bits in a scale of the whole range of blocks, once for all
// rows.

// From a row of integers of queries to the next: one that is known to the compiler.
constexpr size_t kQueryStride = kMostCodeWidth + 16;

// The most rows for which queries take scales on.
constexpr size_t kFoldedRows = 8;

// What codes of the range's own scale are kept below, and what bounds them with what rounding adds.
constexpr float kMostKey = 8190.F;
constexpr size_t kKeyBound = 8192;

template <class T>
inline T* take(uint8_t*& memory, size_t count) {
  auto* taken = reinterpret_cast<T*>(memory);
  memory += (count * sizeof(T) + 63) / 64 * 64;
  return taken;
}

// The step of a query's integers, for which they have at most 16 bits, and their products with codes within `bound`
// have sums below 2^31. `sum` and `most` are those of the sizes of the query's numbers.
inline float query_step(float sum, float most, size_t width, size_t bound) {
  const float for_sum = sum / (static_cast<float>(0x7fffffff / bound) - 0.5F * static_cast<float>(width));
  const float for_most = most / 32767.F;
  return for_sum > for_most ? for_sum : for_most;
}

struct BlockScores {
  const uint8_t* words;
  ptrdiff_t ahead;  // from these words to those that are asked for
  size_t width;
  const int16_t* queries;  // [rows, kQueryStride]
  const float* starts;     // scores = starts + steps * sums
  size_t start_stride;
  const float* steps;
  float* scores;  // at kScoreStride
};

template <int Bits, int Rows>
LLM_ISA void tile_scores(const BlockScores& b) {
  constexpr int kPairs = 16 / Bits;
  constexpr int kSets = Rows <= kChainedRows && kPairs > 1 ? 2 : 1;  // so that a sum need not wait for the one before
  constexpr int kVectors = 2;
  for (size_t token = 0; token < kBlockTokens; token += kVectors * kLanes) {
    Ints sums[kSets][Rows][kVectors];
    LLM_UNROLL
    for (int set = 0; set < kSets; ++set) {
      LLM_UNROLL
      for (int row = 0; row < Rows; ++row) sums[set][row][0] = sums[set][row][1] = no_ints();
    }
    const uint8_t* words = b.words + token * 4;
    const int16_t* queries = b.queries;
    for (size_t channel = 0; channel < b.width; channel += 2 * kPairs, words += kBlockTokens * 4) {
      const Ints low = load_ints(words);
      const Ints high = load_ints(words + kLanes * 4);
      if constexpr (Bits < 16) _mm_prefetch(reinterpret_cast<const char*>(words + b.ahead), _MM_HINT_T1);
      if constexpr (Bits < 16 && kLanes == 16)
        _mm_prefetch(reinterpret_cast<const char*>(words + b.ahead + 64), _MM_HINT_T1);
      LLM_UNROLL
      for (int pair = 0; pair < kPairs; ++pair, queries += 2) {
        const Ints x0 = pair_of<Bits>(low, pair);
        const Ints x1 = pair_of<Bits>(high, pair);
        LLM_UNROLL
        for (int row = 0; row < Rows; ++row) {
          const Ints query = both_of(queries + static_cast<size_t>(row) * kQueryStride);
          sums[pair % kSets][row][0] = add_products(sums[pair % kSets][row][0], x0, query);
          sums[pair % kSets][row][1] = add_products(sums[pair % kSets][row][1], x1, query);
        }
      }
    }
    LLM_UNROLL
    for (int row = 0; row < Rows; ++row) {
      const Floats start = every(b.starts[static_cast<size_t>(row) * b.start_stride]);
      const Floats step = every(b.steps[row]);
      float* scores = b.scores + static_cast<size_t>(row) * kScoreStride + token;
      Ints first = sums[0][row][0];
      Ints second = sums[0][row][1];
      if constexpr (kSets == 2) {
        first = add_ints(first, sums[1][row][0]);
        second = add_ints(second, sums[1][row][1]);
      }
      store_floats(scores, fma(step, floats_of(first), start), kLanes);
      store_floats(scores + kLanes, fma(step, floats_of(second), start), kLanes);
    }
  }
}

template <int Bits, int... Rows>
LLM_ISA void tiles_of_scores(BlockScores b, size_t rows, std::integer_sequence<int, Rows...>) {
  using Tile = void (*)(const BlockScores&);
  static constexpr Tile kTiles[] = {tile_scores<Bits, Rows + 1>...};
  for (size_t row = 0; row < rows;) {
    const size_t here = even_part(rows - row, sizeof...(Rows));
    kTiles[here - 1](b);
    row += here;
    b.queries += here * kQueryStride;
    b.starts += here * b.start_stride;
    b.steps += here;
    b.scores += here * kScoreStride;
  }
}

template <int Bits>
LLM_ISA void folded_scores(const CodeScores& s) {
  uint8_t* memory = s.memory;
  float* starts = take<float>(memory, s.rows * kRangeBlocks);
  float* steps = take<float>(memory, s.rows);
  float* floats = take<float>(memory, s.rows * s.width);  // queries / steps
  int16_t* queries = take<int16_t>(memory, s.rows * kQueryStride);
  float* largest = take<float>(memory, s.width);  // scales of the range
  float* zeros = take<float>(memory, s.width);
  const size_t bytes = kBlockTokens * s.width * Bits / 8;
  const Floats zero = every(1 << (Bits - 1));
  for (size_t block = 0; block < s.count; ++block) {
    const auto* scales = reinterpret_cast<const float*>(s.blocks[block] + bytes);
    for (size_t i = 0; i < s.width; i += kLanes) {
      const size_t left = s.width - i;
      const Floats scale = load_floats(scales + i, left);
      store_floats(zeros + i, fma(zero, scale, load_floats(scales + s.width + i, left)), left);
      // What is no number is in the starts.
      store_floats(largest + i, larger(scale, block == 0 ? every(0) : load_floats(largest + i, left)), left);
    }
    for (size_t row = 0; row < s.rows; ++row) {
      Floats start = every(0);
      for (size_t i = 0; i < s.width; i += kLanes) {
        const size_t left = s.width - i;
        start = fma(load_floats(s.queries + row * s.width + i, left), load_floats(zeros + i, left), start);
      }
      starts[row * kRangeBlocks + block] = sum_of(start);
    }
  }
  for (size_t row = 0; row < s.rows; ++row) {
    const float* query = s.queries + row * s.width;
    Floats sum = every(0);
    Floats most = every(0);
    for (size_t i = 0; i < s.width; i += kLanes) {
      const size_t left = s.width - i;
      const Floats size = size_of(times(load_floats(query + i, left), load_floats(largest + i, left)));
      sum = plus(sum, size);
      most = larger(size, most);
    }
    steps[row] = query_step(sum_of(sum), largest_of(most), s.width, size_t{1} << (Bits - 1));
    const Floats inverse = every(steps[row] > 0 ? 1 / steps[row] : 0);
    for (size_t i = 0; i < s.width; i += kLanes) {
      const size_t left = s.width - i;
      store_floats(floats + row * s.width + i, times(load_floats(query + i, left), inverse), left);
    }
  }
  for (size_t block = 0; block < s.count; ++block) {
    const uint8_t* words = s.blocks[block];
    const auto* scales = reinterpret_cast<const float*>(words + bytes);
    for (size_t row = 0; row < s.rows; ++row) {
      for (size_t i = 0; i < s.width; i += kLanes) {
        const size_t left = s.width - i;
        const Floats x = times(load_floats(floats + row * s.width + i, left), load_floats(scales + i, left));
        store_shorts(queries + row * kQueryStride + i, rounded_to_ints(x), left);
      }
    }
    const size_t later = block + kBlocksAhead;
    const ptrdiff_t ahead = (later < s.count ? s.blocks[later] : s.next[later - s.count]) - words;
    tiles_of_scores<Bits>(
        {words, ahead, s.width, queries, starts + block, kRangeBlocks, steps, s.scores + block * kBlockTokens}, s.rows,
        std::make_integer_sequence<int, kScoreRows>{});
  }
}

template <int Bits>
LLM_ISA void widened_scores(const CodeScores& s) {
  constexpr int kPairs = 16 / Bits;
  uint8_t* memory = s.memory;
  float* starts = take<float>(memory, s.rows);
  float* steps = take<float>(memory, s.rows);
  int16_t* queries = take<int16_t>(memory, s.rows * kQueryStride);
  float* middles = take<float>(memory, s.width);
  float* key_steps = take<float>(memory, s.width);
  float* inverses = take<float>(memory, s.width);
  int16_t* factors = take<int16_t>(memory, s.width);
  int16_t* offsets = take<int16_t>(memory, s.width);
  uint8_t* widened = take<uint8_t>(memory, kBlockTokens * s.width * 2);
  const size_t bytes = kBlockTokens * s.width * Bits / 8;
  const Floats levels = every((1 << Bits) - 1);
  // A channel's codes of all blocks lie within ±kMostKey steps of its middle.
  for (size_t i = 0; i < s.width; i += kLanes) {
    const size_t left = s.width - i;
    Floats least = every(HUGE_VALF);
    Floats most = every(-HUGE_VALF);
    for (size_t block = 0; block < s.count; ++block) {
      const auto* scales = reinterpret_cast<const float*>(s.blocks[block] + bytes) + i;
      const Floats low = load_floats(scales + s.width, left);
      least = smaller(least, low);  // what is no number stays
      most = larger(most, fma(levels, load_floats(scales, left), low));
    }
    const Floats step = times(minus(most, least), every(0.5F / kMostKey));
    store_floats(middles + i, times(plus(least, most), every(0.5F)), left);
    store_floats(key_steps + i, step, left);
    store_floats(inverses + i, inverse_or_0(step), left);
  }
  for (size_t row = 0; row < s.rows; ++row) {
    const float* query = s.queries + row * s.width;
    Floats start = every(0);
    Floats sum = every(0);
    Floats most = every(0);
    for (size_t i = 0; i < s.width; i += kLanes) {
      const size_t left = s.width - i;
      const Floats x = load_floats(query + i, left);
      start = fma(x, load_floats(middles + i, left), start);
      const Floats size = size_of(times(x, load_floats(key_steps + i, left)));
      sum = plus(sum, size);
      most = larger(size, most);
    }
    starts[row] = sum_of(start);
    steps[row] = query_step(sum_of(sum), largest_of(most), s.width, kKeyBound);
    const Floats inverse = every(steps[row] > 0 ? 1 / steps[row] : 0);
    for (size_t i = 0; i < s.width; i += kLanes) {
      const size_t left = s.width - i;
      const Floats x = times(times(load_floats(query + i, left), load_floats(key_steps + i, left)), inverse);
      store_shorts(queries + row * kQueryStride + i, rounded_to_ints(x), left);
    }
  }
  // A code in the highest bits of 16 is itself * 2^(16 - Bits), and a product of 16 bits gives its bits above 15.
  const Floats scaling = every(1 << (Bits - 1));
  for (size_t block = 0; block < s.count; ++block) {
    const uint8_t* words = s.blocks[block];
    const auto* scales = reinterpret_cast<const float*>(words + bytes);
    for (size_t i = 0; i < s.width; i += kLanes) {
      const size_t left = s.width - i;
      const Floats scale = times(load_floats(scales + i, left), scaling);
      const Floats inverse = load_floats(inverses + i, left);
      const Floats zero = minus(plus(load_floats(scales + s.width + i, left), scale), load_floats(middles + i, left));
      store_shorts(factors + i, rounded_to_ints(times(scale, inverse)), left);
      store_shorts(offsets + i, rounded_to_ints(times(zero, inverse)), left);
    }
    uint8_t* to = widened;
    for (size_t channel = 0; channel < s.width; channel += 2 * kPairs, words += kBlockTokens * 4) {
      for (size_t token = 0; token < kBlockTokens; token += kLanes) {
        const Ints loaded = load_ints(words + token * 4);
        LLM_UNROLL
        for (int pair = 0; pair < kPairs; ++pair) {
          const size_t at = channel + 2 * static_cast<size_t>(pair);
          const Ints product = high_products(high_pair_of<Bits>(loaded, pair), both_of(factors + at));
          store_ints(to + (static_cast<size_t>(pair) * kBlockTokens + token) * 4,
                     add_shorts(product, both_of(offsets + at)));
        }
      }
      to += kPairs * kBlockTokens * 4;
    }
    tiles_of_scores<16>({widened, 0, s.width, queries, starts, 1, steps, s.scores + block * kBlockTokens}, s.rows,
                        std::make_integer_sequence<int, kScoreRows>{});
  }
}

template <int Bits>
LLM_ISA void code_scores(const CodeScores& s) {
  if (s.rows <= kFoldedRows) return folded_scores<Bits>(s);
  widened_scores<Bits>(s);
}
