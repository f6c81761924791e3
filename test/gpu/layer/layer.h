// An OpenCL layer (OPENCL_LAYERS, a part of the Khronos loader) that makes a CPU's OpenCL device look like an
// integrated Intel GPU, so that OpenVINO's GPU plugin loads, compiles and infers where there is no GPU. It needs a
// runtime with sub-groups and unified shared memory, and knows nothing else of the runtime: another one may take its
// place.
//
// Environment: EMULATED_GPU_CACHE, a folder for built kernels; EMULATED_GPU_STATE, a file of state.h;
// EMULATED_GPU_DRIVER, the driver's version in place of the runtime's own; EMULATED_GPU_LOG=1 tells of builds and
// failures on standard error.
#pragma once
#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>
#include <CL/cl_ext.h>
#include <CL/cl_icd.h>

#include <string>

namespace layer {

// What the loader would have called without this layer.
extern const cl_icd_dispatch* next;

// Each part puts its functions into the table that the loader calls.
void intercept_device(cl_icd_dispatch& table);
void intercept_programs(cl_icd_dispatch& table);
void intercept_kernels(cl_icd_dispatch& table);
void intercept_memory(cl_icd_dispatch& table);

// What a part gives out in place of the runtime's function of an extension; that function itself when it has none.
void* kernel_extension(const std::string& name, void* of_runtime);
void* memory_extension(const std::string& name, void* of_runtime);

// A line on standard error, where EMULATED_GPU_LOG asks for it.
[[gnu::format(printf, 1, 2)]] void log(const char* format, ...);

}  // namespace layer
