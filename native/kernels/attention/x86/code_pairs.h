// Words of codes as pairs of 16 bits; see kv_block.h. Included within the namespace of each kernel for x86-64, behind
// its vectors.

// The codes 2 * pair and 2 * pair + 1 of each word, with their signs. Codes of 16 bits are pairs as they are.
template <int Bits>
LLM_ISA inline Ints pair_of(Ints words, int pair) {
  static_assert(Bits == 16 || Bits == 8 || Bits == 4);
  if constexpr (Bits == 16) return words;
  if constexpr (Bits == 8) return pair == 0 ? shift_right<8>(shift_left<8>(words)) : shift_right<8>(words);
  switch (pair) {
    case 0:
      return shift_right<12>(shift_left<12>(words));
    case 1:
      return shift_right<12>(shift_left<8>(words));
    case 2:
      return shift_right<12>(shift_left<4>(words));
    default:
      return shift_right<12>(words);
  }
}

// The same codes in the highest bits, the others 0.
template <int Bits>
LLM_ISA inline Ints high_pair_of(Ints words, int pair) {
  if constexpr (Bits == 8) return pair == 0 ? shift_left<8>(words) : bits_of(words, 0xff00);
  switch (pair) {
    case 0:
      return shift_left<12>(words);
    case 1:
      return bits_of(shift_left<8>(words), 0xf000);
    case 2:
      return bits_of(shift_left<4>(words), 0xf000);
    default:
      return bits_of(words, 0xf000);
  }
}
