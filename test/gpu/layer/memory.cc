// Memory and waits, which a test can order to fail.
#include <cstring>
#include <string>

#include "layer.h"
#include "state.h"

namespace layer {
namespace {

clDeviceMemAllocINTEL_fn device_allocation = nullptr;
clHostMemAllocINTEL_fn host_allocation = nullptr;
clSharedMemAllocINTEL_fn shared_allocation = nullptr;

// Whether an allocation fails by order.
bool refused(cl_int* error) {
  count(kAllocations);
  const cl_int code = ordered_failure(kAllocate);
  if (code != CL_SUCCESS && error != nullptr) *error = code;
  return code != CL_SUCCESS;
}

void* CL_API_CALL allocate_on_device(cl_context context, cl_device_id device, const cl_mem_properties_intel* properties,
                                     size_t size, cl_uint alignment, cl_int* error) {
  return refused(error) ? nullptr : device_allocation(context, device, properties, size, alignment, error);
}

void* CL_API_CALL allocate_on_host(cl_context context, const cl_mem_properties_intel* properties, size_t size,
                                   cl_uint alignment, cl_int* error) {
  return refused(error) ? nullptr : host_allocation(context, properties, size, alignment, error);
}

void* CL_API_CALL allocate_shared(cl_context context, cl_device_id device, const cl_mem_properties_intel* properties,
                                  size_t size, cl_uint alignment, cl_int* error) {
  return refused(error) ? nullptr : shared_allocation(context, device, properties, size, alignment, error);
}

cl_mem CL_API_CALL create_buffer(cl_context context, cl_mem_flags flags, size_t size, void* host, cl_int* error) {
  return refused(error) ? nullptr : next->clCreateBuffer(context, flags, size, host, error);
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
  return of_runtime;
}

void intercept_memory(cl_icd_dispatch& table) {
  table.clCreateBuffer = create_buffer;
  table.clWaitForEvents = wait_for_events;
  table.clFinish = finish;
}

}  // namespace layer
