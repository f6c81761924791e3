// Memory, which is counted, and waits. A test can order both to fail.
#include <map>
#include <mutex>
#include <string>

#include "layer.h"
#include "state.h"

namespace layer {
namespace {

clDeviceMemAllocINTEL_fn device_allocation = nullptr;
clHostMemAllocINTEL_fn host_allocation = nullptr;
clSharedMemAllocINTEL_fn shared_allocation = nullptr;
clMemFreeINTEL_fn free_of_runtime = nullptr;
clMemBlockingFreeINTEL_fn blocking_free_of_runtime = nullptr;

std::mutex mutex;
std::map<const void*, size_t> sizes;  // of unified shared memory

void* counted(void* memory, size_t size) {
  if (memory == nullptr) return nullptr;
  const std::lock_guard lock(mutex);
  sizes[memory] = size;
  count(kBytes, static_cast<int64_t>(size));
  return memory;
}

// Before it is freed: another thread may get the same address at once.
void uncount(const void* memory) {
  const std::lock_guard lock(mutex);
  const auto found = sizes.find(memory);
  if (found == sizes.end()) return;
  count(kBytes, -static_cast<int64_t>(found->second));
  sizes.erase(found);
}

cl_int CL_API_CALL free_memory(cl_context context, void* memory) {
  uncount(memory);
  return free_of_runtime(context, memory);
}

cl_int CL_API_CALL free_memory_blocking(cl_context context, void* memory) {
  uncount(memory);
  return blocking_free_of_runtime(context, memory);
}

void CL_CALLBACK uncount_buffer(cl_mem /*buffer*/, void* size) {
  count(kBytes, -static_cast<int64_t>(reinterpret_cast<intptr_t>(size)));
}

// Whether an allocation fails by order.
bool refused(cl_int* error) {
  count(kAllocations);
  const cl_int code = ordered_failure(kAllocate);
  if (code != CL_SUCCESS && error != nullptr) *error = code;
  return code != CL_SUCCESS;
}

void* CL_API_CALL allocate_on_device(cl_context context, cl_device_id device, const cl_mem_properties_intel* properties,
                                     size_t size, cl_uint alignment, cl_int* error) {
  return refused(error) ? nullptr
                        : counted(device_allocation(context, device, properties, size, alignment, error), size);
}

void* CL_API_CALL allocate_on_host(cl_context context, const cl_mem_properties_intel* properties, size_t size,
                                   cl_uint alignment, cl_int* error) {
  return refused(error) ? nullptr : counted(host_allocation(context, properties, size, alignment, error), size);
}

void* CL_API_CALL allocate_shared(cl_context context, cl_device_id device, const cl_mem_properties_intel* properties,
                                  size_t size, cl_uint alignment, cl_int* error) {
  return refused(error) ? nullptr
                        : counted(shared_allocation(context, device, properties, size, alignment, error), size);
}

cl_mem CL_API_CALL create_buffer(cl_context context, cl_mem_flags flags, size_t size, void* host, cl_int* error) {
  cl_mem buffer = refused(error) ? nullptr : next->clCreateBuffer(context, flags, size, host, error);
  if (buffer == nullptr) return nullptr;
  count(kBytes, static_cast<int64_t>(size));
  next->clSetMemObjectDestructorCallback(buffer, uncount_buffer, reinterpret_cast<void*>(static_cast<intptr_t>(size)));
  return buffer;
}

cl_int CL_API_CALL wait_for_events(cl_uint count, const cl_event* events) {
  const cl_int error = next->clWaitForEvents(count, events);
  const cl_int ordered = ordered_failure(kWait);
  return ordered != CL_SUCCESS ? ordered : error;
}

cl_int CL_API_CALL finish(cl_command_queue queue) {
  const cl_int error = next->clFinish(queue);
  const cl_int ordered = ordered_failure(kWait);
  return ordered != CL_SUCCESS ? ordered : error;
}

}  // namespace

void* memory_extension(const std::string& name, void* of_runtime) {
  if (name == "clDeviceMemAllocINTEL") {
    device_allocation = reinterpret_cast<clDeviceMemAllocINTEL_fn>(of_runtime);
    return reinterpret_cast<void*>(allocate_on_device);
  }
  if (name == "clHostMemAllocINTEL") {
    host_allocation = reinterpret_cast<clHostMemAllocINTEL_fn>(of_runtime);
    return reinterpret_cast<void*>(allocate_on_host);
  }
  if (name == "clSharedMemAllocINTEL") {
    shared_allocation = reinterpret_cast<clSharedMemAllocINTEL_fn>(of_runtime);
    return reinterpret_cast<void*>(allocate_shared);
  }
  if (name == "clMemFreeINTEL") {
    free_of_runtime = reinterpret_cast<clMemFreeINTEL_fn>(of_runtime);
    return reinterpret_cast<void*>(free_memory);
  }
  if (name == "clMemBlockingFreeINTEL") {
    blocking_free_of_runtime = reinterpret_cast<clMemBlockingFreeINTEL_fn>(of_runtime);
    return reinterpret_cast<void*>(free_memory_blocking);
  }
  return of_runtime;
}

void intercept_memory(cl_icd_dispatch& table) {
  table.clCreateBuffer = create_buffer;
  table.clWaitForEvents = wait_for_events;
  table.clFinish = finish;
}

}  // namespace layer
