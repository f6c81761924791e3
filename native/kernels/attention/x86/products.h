// Rows in tiles. Included within the namespace of each kernel for x86-64, behind its tile() and kTileRows.

template <class Stored, int... Rows>
LLM_ISA void tiles(const RowsProduct& p, std::integer_sequence<int, Rows...>) {
  using Tile = void (*)(const RowsProduct&, size_t);
  static constexpr Tile kTiles[] = {tile<Stored, Rows + 1>...};
  for (size_t row = 0; row < p.rows;) {
    // As even as they can be, so that none is left with a small one.
    const size_t left = p.rows - row;
    const size_t count = (left + kTileRows - 1) / kTileRows;
    const size_t rows = (left + count - 1) / count;
    kTiles[rows - 1](p, row);
    row += rows;
  }
}

template <class Stored>
LLM_ISA void product(const RowsProduct& p) {
  tiles<Stored>(p, std::make_integer_sequence<int, kTileRows>{});
}
