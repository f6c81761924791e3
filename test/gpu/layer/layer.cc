#include "layer.h"

#include <CL/cl_layer.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace layer {

const cl_icd_dispatch* next = nullptr;

void log(const char* format, ...) {
  static const bool wanted = std::getenv("EMULATED_GPU_LOG") != nullptr;
  if (!wanted) return;
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  std::fprintf(stderr, "emulated GPU: %s\n", line);
}

namespace {

void* CL_API_CALL extension(cl_platform_id platform, const char* name) {
  void* of_runtime = next->clGetExtensionFunctionAddressForPlatform(platform, name);
  return of_runtime == nullptr ? nullptr : memory_extension(name, kernel_extension(name, of_runtime));
}

}  // namespace
}  // namespace layer

// The entry points of a layer.
extern "C" {

CL_API_ENTRY cl_int CL_API_CALL clGetLayerInfo(cl_layer_info what, size_t size, void* value, size_t* size_needed) {
  const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
  if (what != CL_LAYER_API_VERSION) return CL_INVALID_VALUE;
  if (size_needed != nullptr) *size_needed = sizeof version;
  if (value == nullptr) return CL_SUCCESS;
  if (size < sizeof version) return CL_INVALID_VALUE;
  std::memcpy(value, &version, sizeof version);
  return CL_SUCCESS;
}

CL_API_ENTRY cl_int CL_API_CALL clInitLayer(cl_uint entries, const cl_icd_dispatch* target, cl_uint* entries_here,
                                            const cl_icd_dispatch** ours) {
  static cl_icd_dispatch table{};
  // The loader's table may be older or newer than these headers.
  const auto known = static_cast<cl_uint>(sizeof table / sizeof(void*));
  const auto used = std::min(entries, known);
  layer::next = target;
  std::memcpy(static_cast<void*>(&table), target, used * sizeof(void*));
  layer::intercept_device(table);
  layer::intercept_programs(table);
  layer::intercept_kernels(table);
  layer::intercept_memory(table);
  table.clGetExtensionFunctionAddressForPlatform = layer::extension;
  *ours = &table;
  *entries_here = used;
  return CL_SUCCESS;
}

// What newer loaders ask for in its place.
CL_API_ENTRY cl_int CL_API_CALL clInitLayerWithProperties(cl_uint entries, const cl_icd_dispatch* target,
                                                          cl_uint* entries_here, const cl_icd_dispatch** ours,
                                                          const void* /*properties*/) {
  return clInitLayer(entries, target, entries_here, ours);
}

CL_API_ENTRY cl_int CL_API_CALL clDeinitLayer() { return CL_SUCCESS; }

}  // extern "C"
