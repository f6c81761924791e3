// Rows in tiles. Included within the namespace of each kernel for x86-64, behind its tile() and kTileRows.

// How many of the rows that are left come next: parts as even as they can be, so that none is left with a small one.
inline size_t even_part(size_t left, size_t most) {
  const size_t parts = (left + most - 1) / most;
  return (left + parts - 1) / parts;
}

template <class Stored, int... Rows>
LLM_ISA void tiles(const RowsProduct& p, std::integer_sequence<int, Rows...>) {
  using Tile = void (*)(const RowsProduct&, size_t);
  static constexpr Tile kTiles[] = {tile<Stored, Rows + 1>...};
  for (size_t row = 0; row < p.rows;) {
    const size_t rows = even_part(p.rows - row, kTileRows);
    kTiles[rows - 1](p, row);
    row += rows;
  }
}

template <class Stored>
LLM_ISA void product(const RowsProduct& p) {
  tiles<Stored>(p, std::make_integer_sequence<int, kTileRows>{});
}

// Two integers of 16 bits as one of 32.
LLM_ISA inline int32_t number_of(const int16_t* pair) {
  int32_t number;
  std::memcpy(&number, pair, sizeof number);
  return number;
}
