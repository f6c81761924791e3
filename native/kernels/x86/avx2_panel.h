// Many rows of activations with AVX2 alone. Its products need weights of one byte below 16, and to take those out of
// the packed bytes for every few rows, which is all that a tile has registers for, costs a fifth of the products
// themselves. So the first tile of rows leaves them in a panel in the first-level cache, a part of the block's inputs
// at a time, and the tiles after it find them there.
//
// Included in the namespace of the kernel, after ymm_loads.h.

// Inputs of a panel, a multiple of 32: 8 KB of single halves with 4 bits and 16 KB with 8.
constexpr size_t kPanelInputs = 512;

// Bytes of a panel for 32 inputs and one half of their weights' bits: 8 lines, byte 4 r + j of line l is of input
// 4 l + j of row r.
constexpr size_t kHalfBytes = 8 * PackedWeights::kLine;

struct Panel {
  // With 8 bits the low halves of 32 inputs, then their high halves, and so on.
  alignas(64) uint8_t lines[kPanelInputs / 32 * kHalfBytes * 2];
  // Of each group.
  alignas(64) float scales[kPanelInputs / 32][PackedWeights::kBlockRows];
  alignas(64) float offsets[kPanelInputs / 32][PackedWeights::kBlockRows];  // zero points times scales
};

// What a panel holds: whole groups, or whole spans of one that is larger. Sizes are in bytes.
struct PanelPart {
  const uint8_t* packed;  // its first line
  const uint8_t* tail;    // scales and zero points of its first group
  size_t group_bytes;     // from a group to the next
  size_t groups;
  size_t inputs;     // of each group
  bool ends_group;   // otherwise more of it follows
  size_t bytes;      // to the first line of the next part
  size_t row_tiles;  // that go through the part
};

LLM_YMM inline void store(uint8_t* to, __m256i bytes) { _mm256_store_si256(reinterpret_cast<__m256i*>(to), bytes); }

// Of 32 inputs.
template <int Bits>
LLM_YMM LLM_INLINE void unpack(const uint8_t* packed, uint8_t* to) {
  constexpr size_t kLine = PackedWeights::kLine;
  // The high halves are those of the next four inputs with 4 bits, and of the same ones with 8.
  constexpr size_t kHigh = Bits == 4 ? kLine : kHalfBytes;
  constexpr size_t kNext = Bits == 4 ? 2 * kLine : kLine;
  const __m256i low_halves = _mm256_set1_epi8(15);
  LLM_UNROLL
  for (int i = 0; i < 2 * Bits; ++i) {
    const size_t line = static_cast<size_t>(i / 2);
    const size_t half = static_cast<size_t>(i % 2) * 32;
    const __m256i both = load(packed + line * kLine + half);
    store(to + line * kNext + half, _mm256_and_si256(both, low_halves));
    store(to + line * kNext + half + kHigh, _mm256_and_si256(_mm256_srli_epi16(both, 4), low_halves));
  }
}

// Products of 32 inputs with half of their weights' bits, times `unit`. In 16 bits they are at most 8 * 2 * 15 * 128.
// A row's two products come before their sums where there are registers for both: in turns they take longer.
template <int Rows>
LLM_YMM LLM_INLINE void multiply_half(const uint8_t* lines, const int8_t* x, size_t stride, int16_t unit,
                                      __m256i (&wide)[Rows][2]) {
  __m256i sum[Rows][2];
  LLM_UNROLL
  for (int line = 0; line < 8; ++line) {
    const uint8_t* weights = lines + static_cast<size_t>(line) * PackedWeights::kLine;
    __m256i low = load(weights);
    __m256i high = load(weights + 32);
    LLM_KEEP(low);
    LLM_KEEP(high);
    LLM_UNROLL
    for (int i = 0; i < Rows; ++i) {
      __m256i four = broadcast4(x + static_cast<size_t>(i) * stride + static_cast<size_t>(line) * 4);
      LLM_KEEP(four);
      if (line == 0) {
        sum[i][0] = _mm256_maddubs_epi16(low, four);
        sum[i][1] = _mm256_maddubs_epi16(high, four);
      } else if constexpr (Rows < 6) {
        __m256i products[2];
        products[0] = _mm256_maddubs_epi16(low, four);
        LLM_KEEP(products[0]);
        products[1] = _mm256_maddubs_epi16(high, four);
        LLM_KEEP(products[1]);
        sum[i][0] = _mm256_add_epi16(sum[i][0], products[0]);
        LLM_KEEP(sum[i][0]);
        sum[i][1] = _mm256_add_epi16(sum[i][1], products[1]);
      } else {
        sum[i][0] = _mm256_add_epi16(sum[i][0], _mm256_maddubs_epi16(low, four));
        LLM_KEEP(sum[i][0]);
        sum[i][1] = _mm256_add_epi16(sum[i][1], _mm256_maddubs_epi16(high, four));
      }
      LLM_KEEP(sum[i][0]);
      LLM_KEEP(sum[i][1]);
    }
  }
  LLM_UNROLL
  for (int i = 0; i < Rows; ++i) {
    LLM_UNROLL
    for (int h = 0; h < 2; ++h) wide[i][h] = _mm256_madd_epi16(sum[i][h], _mm256_set1_epi16(unit));
  }
}

template <int Rows>
LLM_YMM LLM_INLINE void add(__m256i (&to)[Rows][2], const __m256i (&more)[Rows][2]) {
  LLM_UNROLL
  for (int i = 0; i < Rows; ++i) {
    LLM_UNROLL
    for (int h = 0; h < 2; ++h) to[i][h] = _mm256_add_epi32(to[i][h], more[i][h]);
  }
}

// Where a tile of rows is in its part.
struct PanelWalk {
  const uint8_t* packed;
  uint8_t* lines;
  const int8_t* values;
  size_t stride;  // from a row of values to the next
  bool unpacks;
  // The tiles of a part together ask for the packed lines of the next part: each for `asked` bytes of those of 32
  // inputs, `ahead` bytes behind those where it is.
  size_t ahead;
  size_t asked;
};

// Products of the next 32 inputs.
template <int Rows, int Bits>
LLM_YMM LLM_INLINE void multiply_next(PanelWalk& walk, __m256i (&wide)[Rows][2]) {
  if (walk.unpacks) unpack<Bits>(walk.packed, walk.lines);
  for (size_t i = 0; i < walk.asked; i += PackedWeights::kLine)
    _mm_prefetch(reinterpret_cast<const char*>(walk.packed + walk.ahead + i), _MM_HINT_T0);
  multiply_half<Rows>(walk.lines, walk.values, walk.stride, 1, wide);
  if constexpr (Bits == 8) {
    __m256i high[Rows][2];
    multiply_half<Rows>(walk.lines + kHalfBytes, walk.values, walk.stride, 16, high);
    add<Rows>(wide, high);
  }
  walk.packed += Bits * PackedWeights::kLine;
  walk.lines += Bits / 4 * kHalfBytes;
  walk.values += 32;
}

// Adds to `out` [Rows, 16] what the part contributes; `values`, `scales` and `sums` are those of the first row and the
// part's first input. The first tile of rows unpacks. EachScale: a span is 32 inputs.
template <int Rows, int Bits, bool EachScale>
LLM_YMM void panel_tile(Panel& panel, const PanelPart& part, size_t row_tile, const Activations& a,
                        const int8_t* values, const float* scales, const float* sums, float* out) {
  const size_t scale_stride = a.columns / 32;
  const size_t group_stride = a.groups;
  const size_t span = a.span;
  const size_t inputs = part.inputs;
  const size_t groups = part.groups;
  const size_t asked = (Bits + part.row_tiles - 1) / part.row_tiles * PackedWeights::kLine;
  PanelWalk walk{part.packed, panel.lines, values, a.columns, row_tile == 0, part.bytes + row_tile * asked, asked};
  const uint8_t* tail = part.tail;
  for (size_t g = 0; g < groups; ++g, ++sums) {
    if (walk.unpacks) {
      LLM_UNROLL
      for (size_t h = 0; h < 16; h += 8) {
        const __m256 scale = halves(tail + h * 2);
        _mm256_store_ps(panel.scales[g] + h, scale);
        _mm256_store_ps(panel.offsets[g] + h, _mm256_mul_ps(halves(tail + 32 + h * 2), scale));
      }
    }
    for (size_t begin = 0; begin < inputs;) {
      __m256i wide[Rows][2];
      multiply_next<Rows, Bits>(walk, wide);
      const float* steps = scales++;
      begin += 32;
      if constexpr (!EachScale) {
        const size_t end = begin - 32 + span < inputs ? begin - 32 + span : inputs;
        for (; begin < end; begin += 32, ++scales) {
          __m256i more[Rows][2];
          multiply_next<Rows, Bits>(walk, more);
          add<Rows>(wide, more);
        }
      }
      __m256 total[Rows][2];
      LLM_UNROLL
      for (int i = 0; i < Rows; ++i) {
        const __m256 step = _mm256_set1_ps(steps[static_cast<size_t>(i) * scale_stride]);
        LLM_UNROLL
        for (int h = 0; h < 2; ++h) {
          const __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(wide[i][h]), step);
          total[i][h] =
              _mm256_fmadd_ps(product, _mm256_load_ps(panel.scales[g] + h * 8), _mm256_loadu_ps(out + i * 16 + h * 8));
        }
      }
      if (begin == inputs && part.ends_group) {
        LLM_UNROLL
        for (int i = 0; i < Rows; ++i) {
          const __m256 group_sum = _mm256_set1_ps(sums[static_cast<size_t>(i) * group_stride]);
          LLM_UNROLL
          for (int h = 0; h < 2; ++h)
            total[i][h] = _mm256_fnmadd_ps(_mm256_load_ps(panel.offsets[g] + h * 8), group_sum, total[i][h]);
        }
      }
      LLM_UNROLL
      for (int i = 0; i < Rows; ++i) {
        LLM_UNROLL
        for (int h = 0; h < 2; ++h) _mm256_storeu_ps(out + i * 16 + h * 8, total[i][h]);
      }
      LLM_KEEP_MEMORY;
    }
    tail += part.group_bytes;
    walk.packed += PackedWeights::kLine;
  }
}

using PanelTile = void (*)(Panel&, const PanelPart&, size_t, const Activations&, const int8_t*, const float*,
                           const float*, float*);

// Rows of a tile: as many as have registers. With 8 bits the sums of low halves have to be kept, too.
template <int Bits>
constexpr size_t kPanelRows = Bits == 4 ? 6 : 4;

template <int Bits>
struct PanelTiles {
  PanelTile each_scale[kPanelRows<Bits> + 1];
  PanelTile wider_spans[kPanelRows<Bits> + 1];
};

template <int Bits, size_t... Rows>
constexpr PanelTiles<Bits> make_panel_tiles(std::index_sequence<Rows...>) {
  return {{nullptr, panel_tile<static_cast<int>(Rows + 1), Bits, true>...},
          {nullptr, panel_tile<static_cast<int>(Rows + 1), Bits, false>...}};
}

template <int Bits>
constexpr PanelTiles<Bits> kPanelTiles = make_panel_tiles<Bits>(std::make_index_sequence<kPanelRows<Bits>>());

// The part that begins at an input.
template <int Bits>
PanelPart panel_part(const PackedWeights& weights, size_t block, const Activations& a, size_t input) {
  constexpr size_t kInputBytes = PackedWeights::kBlockRows * Bits / 8;
  const size_t group = weights.group();
  const size_t before = input % group;  // inputs of the group that are done
  const uint8_t* packed = weights.block(block) + input / group * weights.group_bytes();
  PanelPart part{};
  part.packed = packed + before * kInputBytes;
  part.tail = packed + weights.group_bytes() - PackedWeights::kLine;
  part.group_bytes = weights.group_bytes();
  if (group <= kPanelInputs) {
    const size_t left = a.groups - input / group;
    part.groups = kPanelInputs / group < left ? kPanelInputs / group : left;
    part.inputs = group;
    part.ends_group = true;
    part.bytes = part.groups * part.group_bytes;
  } else {
    const size_t spans = kPanelInputs / a.span * a.span;
    part.groups = 1;
    part.inputs = spans < group - before ? spans : group - before;
    part.ends_group = before + part.inputs == group;
    part.bytes = part.inputs * kInputBytes + (part.ends_group ? PackedWeights::kLine : 0);
  }
  return part;
}

// As Kernel::multiply, for spans of at most kPanelInputs.
template <int Bits>
void multiply_panels(const PackedWeights& weights, size_t block, const Activations& a, size_t first_row, size_t count,
                     float* out) {
  constexpr size_t kMost = kPanelRows<Bits>;
  const PanelTile* tiles = a.span == 32 ? kPanelTiles<Bits>.each_scale : kPanelTiles<Bits>.wider_spans;
  Panel panel;
  std::memset(out, 0, count * PackedWeights::kBlockRows * sizeof(float));
  for (size_t input = 0; input < a.columns;) {
    PanelPart part = panel_part<Bits>(weights, block, a, input);
    part.row_tiles = (count + kMost - 1) / kMost;
    const size_t group = input / weights.group();
    for (size_t row = 0, row_tile = 0; row < count; ++row_tile) {
      const size_t rows = even_part(count - row, kMost);
      const size_t line = first_row + row;
      tiles[rows](panel, part, row_tile, a, a.values + line * a.columns + input,
                  a.scales + (line * a.columns + input) / 32, a.sums + line * a.groups + group,
                  out + row * PackedWeights::kBlockRows);
      row += rows;
    }
    input += part.groups * part.inputs;
  }
}
