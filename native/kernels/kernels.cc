// Which kernels this processor executes.
#include "kernels/x86/kernels.h"

#include <vector>

#include "kernels/cpu_features.h"
#include "kernels/kernel.h"

namespace llm {

std::span<const Kernel* const> kernels() {
  static const std::vector<const Kernel*> found = [] {
    std::vector<const Kernel*> list;
#ifdef LLM_X86
    const CpuFeatures features = cpu_features();
    if (features.avx512_vnni) list.push_back(&avx512_vnni_kernel());
    if (features.avx_vnni) list.push_back(&avx_vnni_kernel());
    if (features.avx2) list.push_back(&avx2_kernel());
#endif
    list.push_back(&portable_kernel());
    return list;
  }();
  return found;
}

}  // namespace llm
