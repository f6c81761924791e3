// Parts of an attention kernel that the compiler makes vectors of by itself, for the instruction set LLM_ISA. Included
// within the namespace of each kernel. Sums are kept in sixteen lanes, which compilers may not choose by themselves.

LLM_ISA inline float sum_of_lanes(const float* lanes) {
  float eight[8];
  for (int i = 0; i < 8; ++i) eight[i] = lanes[i] + lanes[i + 8];
  return ((eight[0] + eight[4]) + (eight[2] + eight[6])) + ((eight[1] + eight[5]) + (eight[3] + eight[7]));
}

LLM_ISA float largest(const float* scores, size_t count) {
  float lanes[16];
  for (float& lane : lanes) lane = -HUGE_VALF;
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    for (size_t j = 0; j < 16; ++j) lanes[j] = scores[i + j] > lanes[j] ? scores[i + j] : lanes[j];
  }
  for (; i < count; ++i) lanes[0] = scores[i] > lanes[0] ? scores[i] : lanes[0];
  float most = lanes[0];
  for (const float lane : lanes) most = lane > most ? lane : most;
  return most;
}

LLM_ISA void widen_bytes(const uint8_t* stored, const float* scales, const float* leasts, size_t rows, size_t columns,
                         float* out) {
  for (size_t row = 0; row < rows; ++row, stored += columns, out += columns) {
    const float scale = scales[row];
    const float least = leasts[row];
    for (size_t i = 0; i < columns; ++i) out[i] = least + scale * static_cast<float>(stored[i]);
  }
}
