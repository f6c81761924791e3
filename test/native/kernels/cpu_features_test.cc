#include "kernels/cpu_features.h"

#include <stdexcept>
#include <string>

#include "tap.h"

using llm::cap;
using llm::CpuFeatures;

namespace {

constexpr CpuFeatures kEverything{.avx2 = true, .avx_vnni = true, .avx512_vnni = true};

std::string names(const CpuFeatures& features) {
  return std::string(features.avx2 ? "avx2 " : "") + (features.avx_vnni ? "avx_vnni " : "") +
         (features.avx512_vnni ? "avx512_vnni " : "");
}

}  // namespace

TEST("cpu features: a cap leaves what a processor of that level has") {
  CHECK_EQUAL(names(cap(kEverything, "")), "avx2 avx_vnni avx512_vnni ");
  CHECK_EQUAL(names(cap(kEverything, "avx512_core_vnni")), "avx2 avx512_vnni ");
  CHECK_EQUAL(names(cap(kEverything, "avx512_core")), "avx2 ");
  CHECK_EQUAL(names(cap(kEverything, "avx2_vnni")), "avx2 avx_vnni ");
  CHECK_EQUAL(names(cap(kEverything, "avx2")), "avx2 ");
  CHECK_EQUAL(names(cap(kEverything, "sse41")), "");
}

TEST("cpu features: a cap adds nothing") {
  for (const char* level : {"", "avx512_core_vnni", "avx512_core", "avx2_vnni", "avx2", "sse41"}) {
    CHECK_EQUAL(names(cap({}, level)), "");
  }
}

TEST("cpu features: a level that does not exist is an error that lists those that do") {
  try {
    cap(kEverything, "AVX2");
  } catch (const std::invalid_argument& error) {
    CHECK_EQUAL(std::string(error.what()),
                "OPENVINO_LLM_MAX_CPU_ISA: expected sse41, avx2, avx2_vnni, avx512_core or avx512_core_vnni, found "
                "'AVX2'");
    return;
  }
  throw tap::Mismatch("nothing was thrown");
}
