// Included in the namespace of a kernel that has `tile`, `float_tile` and kTileRows: picks the tile by its rows and the
// bits of the weights. No #pragma once: each kernel has its own.

using Tile = void (*)(const PackedWeights&, const uint8_t*, const int8_t*, const float*, const float*,
                      const Activations&, float*);
using FloatTile = void (*)(const PackedWeights&, const uint8_t*, const float*, const float*, const Activations&,
                           float*);

static_assert(kTileRows <= kMostTileRows, "a tile's results lie in an array of kMostTileRows rows");

struct Tiles {
  Tile tiles[2][kTileRows + 1];
  FloatTile float_tiles[2][kTileRows + 1];
};

template <size_t... Rows>
constexpr Tiles make_tiles(std::index_sequence<Rows...>) {
  return {{{nullptr, tile<static_cast<int>(Rows + 1), 4>...}, {nullptr, tile<static_cast<int>(Rows + 1), 8>...}},
          {{nullptr, float_tile<static_cast<int>(Rows + 1), 4>...},
           {nullptr, float_tile<static_cast<int>(Rows + 1), 8>...}}};
}

constexpr Tiles kTiles = make_tiles(std::make_index_sequence<kTileRows>());

void multiply(const PackedWeights& weights, size_t block, const Activations& a, size_t first_row, size_t count,
              float* out) {
  const int bits = weights.bits() == 4 ? 0 : 1;
  const float* sums = a.sums + first_row * a.groups;
  if (a.values) {
    kTiles.tiles[bits][count](weights, weights.block(block), a.values + first_row * a.columns,
                              a.scales + first_row * (a.columns / 32), sums, a, out);
  } else {
    kTiles.float_tiles[bits][count](weights, weights.block(block), a.floats + first_row * a.columns, sums, a, out);
  }
}
