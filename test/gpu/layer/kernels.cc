// Work-groups whose sub-groups span more than dimension 0.
//
// A GPU cuts sub-groups from a work-group's linear order, x fastest: 1x1x16 is one sub-group of 16. Intel's runtime for
// CPUs vectorizes over dimension 0 only: there it is 16 sub-groups of one. Such a launch is done with a variant of the
// program, whose groups have one dimension and whose functions compute the ids that the kernel would have had.
#include <array>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "layer.h"
#include "programs.h"
#include "state.h"

namespace layer {
namespace {

using Sizes = std::array<size_t, 3>;

// An argument as it was set, to be set again on a variant.
struct Argument {
  enum class Kind { kValue, kLocalMemory, kPointer } kind;
  std::vector<char> value;
  size_t size;
  const void* pointer;
};

std::mutex mutex;  // over all below, and over a variant from its arguments to its launch
std::map<cl_kernel, std::map<cl_uint, Argument>> arguments;
std::map<std::tuple<cl_program, std::string, Sizes>, cl_kernel> variants;

clSetKernelArgMemPointerINTEL_fn set_pointer_of_runtime = nullptr;

constexpr const char* kFlatIds = R"(
size_t __attribute__((overloadable)) group_lid(uint d) {
  size_t l = get_local_id(0);
  return d == 0 ? l % GROUP_X : d == 1 ? l / GROUP_X % GROUP_Y : d == 2 ? l / (GROUP_X * GROUP_Y) : 0;
}
size_t __attribute__((overloadable)) group_lsize(uint d) { return d == 0 ? GROUP_X : d == 1 ? GROUP_Y : d == 2 ? GROUP_Z : 1; }
size_t __attribute__((overloadable)) group_gid(uint d) { return get_group_id(d) * group_lsize(d) + group_lid(d); }
size_t __attribute__((overloadable)) group_gsize(uint d) { return get_num_groups(d) * group_lsize(d); }
#define get_local_id(d) group_lid(d)
#define get_local_size(d) group_lsize(d)
#define get_enqueued_local_size(d) group_lsize(d)
#define get_global_id(d) group_gid(d)
#define get_global_size(d) group_gsize(d)
#define reqd_work_group_size(x, y, z) reqd_work_group_size((x) * (y) * (z), 1, 1)
#line 1
)";

// A handle may be that of a kernel that is gone.
void forget(cl_kernel kernel) {
  const std::lock_guard lock(mutex);
  arguments.erase(kernel);
}

cl_kernel CL_API_CALL create_kernel(cl_program program, const char* name, cl_int* error) {
  cl_kernel kernel = next->clCreateKernel(program_of(program)->runtime, name, error);
  forget(kernel);
  return kernel;
}

cl_int CL_API_CALL create_kernels(cl_program program, cl_uint entries, cl_kernel* kernels, cl_uint* count) {
  const cl_int error = next->clCreateKernelsInProgram(program_of(program)->runtime, entries, kernels, count);
  if (error == CL_SUCCESS && kernels != nullptr) {
    for (cl_uint i = 0; i < entries; ++i) forget(kernels[i]);
  }
  return error;
}

cl_kernel CL_API_CALL clone_kernel(cl_kernel source, cl_int* error) {
  cl_kernel kernel = next->clCloneKernel(source, error);
  const std::lock_guard lock(mutex);
  if (kernel != nullptr) arguments[kernel] = arguments[source];
  return kernel;
}

cl_int CL_API_CALL set_argument(cl_kernel kernel, cl_uint index, size_t size, const void* value) {
  const std::lock_guard lock(mutex);
  const cl_int error = next->clSetKernelArg(kernel, index, size, value);
  if (error != CL_SUCCESS) return error;
  Argument argument{Argument::Kind::kLocalMemory, {}, size, nullptr};
  if (value != nullptr) {
    const auto* bytes = static_cast<const char*>(value);
    argument = {Argument::Kind::kValue, {bytes, bytes + size}, size, nullptr};
  }
  arguments[kernel][index] = std::move(argument);
  return error;
}

cl_int CL_API_CALL set_pointer(cl_kernel kernel, cl_uint index, const void* value) {
  const std::lock_guard lock(mutex);
  const cl_int error = set_pointer_of_runtime(kernel, index, value);
  if (error == CL_SUCCESS) arguments[kernel][index] = {Argument::Kind::kPointer, {}, 0, value};
  return error;
}

// nullptr when it cannot be made. With the mutex.
cl_kernel variant_of(cl_kernel kernel, const std::string& name, const Sizes& group) {
  cl_program program = nullptr;
  if (next->clGetKernelInfo(kernel, CL_KERNEL_PROGRAM, sizeof program, &program, nullptr) != CL_SUCCESS) return nullptr;
  const auto [place, is_new] = variants.try_emplace({program, name, group}, nullptr);
  if (!is_new) return place->second;
  const auto record = program_of(program);
  cl_context context = nullptr;
  cl_device_id device = nullptr;
  next->clGetProgramInfo(program, CL_PROGRAM_CONTEXT, sizeof context, &context, nullptr);
  next->clGetProgramInfo(program, CL_PROGRAM_DEVICES, sizeof device, &device, nullptr);
  cl_int error = CL_INVALID_PROGRAM;
  if (!record->source.empty()) {
    const auto source = "#define GROUP_X " + std::to_string(group[0]) + "\n#define GROUP_Y " +
                        std::to_string(group[1]) + "\n#define GROUP_Z " + std::to_string(group[2]) + "\n" + kFlatIds +
                        record->source;
    if (cl_program built = build_variant(context, device, source, record->options, error)) {
      place->second = next->clCreateKernel(built, name.c_str(), &error);
    }
  }
  if (error != CL_SUCCESS) log("%s has no variant for its work-groups: %d", name.c_str(), error);
  return place->second;
}

cl_int copy_arguments(cl_kernel from, cl_kernel to) {
  for (const auto& [index, argument] : arguments[from]) {
    const bool is_pointer = argument.kind == Argument::Kind::kPointer;
    const void* value = argument.kind == Argument::Kind::kValue ? argument.value.data() : nullptr;
    const cl_int error = is_pointer ? set_pointer_of_runtime(to, index, argument.pointer)
                                    : next->clSetKernelArg(to, index, argument.size, value);
    if (error != CL_SUCCESS) return error;
  }
  return CL_SUCCESS;
}

size_t sub_group_of(cl_command_queue queue, cl_kernel kernel) {
  size_t size = 0;
  cl_device_id device = nullptr;
  next->clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof device, &device, nullptr);
  next->clGetKernelSubGroupInfo(kernel, device, CL_KERNEL_COMPILE_SUB_GROUP_SIZE_INTEL, 0, nullptr, sizeof size, &size,
                                nullptr);
  return size;
}

cl_int CL_API_CALL enqueue(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t* offset,
                           const size_t* global, const size_t* local, cl_uint events, const cl_event* wait_for,
                           cl_event* event) {
  count(kEnqueues);
  if (const cl_int error = ordered_failure(kEnqueue); error != CL_SUCCESS) return error;
  Sizes group{1, 1, 1};
  for (cl_uint i = 0; local != nullptr && i < dimensions; ++i) group[i] = local[i];
  const bool flat = group[1] * group[2] == 1;
  if (const size_t lanes = flat ? 0 : sub_group_of(queue, kernel); lanes <= 1 || group[0] % lanes == 0) {
    return next->clEnqueueNDRangeKernel(queue, kernel, dimensions, offset, global, local, events, wait_for, event);
  }
  size_t length = 0;
  next->clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, 0, nullptr, &length);
  std::string name(length, '\0');
  next->clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, length, name.data(), nullptr);
  const std::lock_guard lock(mutex);
  cl_kernel variant = variant_of(kernel, name.c_str(), group);
  if (variant == nullptr) return CL_INVALID_KERNEL;
  if (const cl_int error = copy_arguments(kernel, variant); error != CL_SUCCESS) return error;
  const Sizes flat_global{global[0] * group[1] * group[2], global[1] / group[1],
                          dimensions > 2 ? global[2] / group[2] : 1};
  const Sizes flat_group{group[0] * group[1] * group[2], 1, 1};
  return next->clEnqueueNDRangeKernel(queue, variant, dimensions, offset, flat_global.data(), flat_group.data(), events,
                                      wait_for, event);
}

}  // namespace

void* kernel_extension(const std::string& name, void* of_runtime) {
  if (name != "clSetKernelArgMemPointerINTEL") return of_runtime;
  set_pointer_of_runtime = reinterpret_cast<clSetKernelArgMemPointerINTEL_fn>(of_runtime);
  return reinterpret_cast<void*>(set_pointer);
}

void intercept_kernels(cl_icd_dispatch& table) {
  table.clCreateKernel = create_kernel;
  table.clCreateKernelsInProgram = create_kernels;
  table.clCloneKernel = clone_kernel;
  table.clSetKernelArg = set_argument;
  table.clEnqueueNDRangeKernel = enqueue;
}

}  // namespace layer
