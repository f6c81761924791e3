#include "engine/scheduling/step_rows.h"

#include <set>
#include <vector>

#include "tap.h"

namespace {

using llm::RowSizes;

size_t rounded_rows(size_t rows) { return llm::rounded_rows(rows, RowSizes::kFine); }

TEST("step rows: few rows and powers of two stay as they are") {
  for (size_t rows = 1; rows <= 16; ++rows) CHECK_EQUAL(rounded_rows(rows), rows);
  for (size_t rows : {32, 64, 128, 256, 512, 1024, 4096}) CHECK_EQUAL(rounded_rows(rows), rows);
}

TEST("step rows: eight sizes per octave") {
  std::set<size_t> sizes;
  for (size_t rows = 17; rows <= 128; ++rows) sizes.insert(rounded_rows(rows));
  CHECK_EQUAL(sizes, (std::set<size_t>{18, 20, 22, 24, 26, 28, 30, 32, 36,  40,  44,  48,
                                       52, 56, 60, 64, 72, 80, 88, 96, 104, 112, 120, 128}));
}

TEST("step rows: never fewer, less than a block more, and an eighth at most") {
  for (size_t rows = 1; rows <= 5000; ++rows) {
    const size_t rounded = rounded_rows(rows);
    CHECK(rounded >= rows);
    CHECK(rounded - rows < llm::coarsest_rows(RowSizes::kFine));
    CHECK(8 * (rounded - rows) <= rows);
    CHECK_EQUAL(rounded_rows(rounded), rounded);
  }
}

TEST("step rows: four sizes per octave for a GPU, and few rows are rounded too") {
  // lib/devices/table.ts has the same for the warm-up.
  std::set<size_t> sizes;
  for (size_t rows = 1; rows <= 300; ++rows) sizes.insert(llm::rounded_rows(rows, RowSizes::kCoarse));
  CHECK_EQUAL(sizes, (std::set<size_t>{1,  2,  4,  8,  16,  20,  24,  28,  32,  40,  48,
                                       56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}));
  for (size_t rows = 1; rows <= 5000; ++rows) {
    const size_t rounded = llm::rounded_rows(rows, RowSizes::kCoarse);
    CHECK(rounded >= rows);
    CHECK(rounded - rows < llm::coarsest_rows(RowSizes::kCoarse));
    CHECK(rows <= 16 || 4 * (rounded - rows) <= rows);
    CHECK_EQUAL(llm::rounded_rows(rounded, RowSizes::kCoarse), rounded);
  }
}

}  // namespace
