// What the device says of itself: an integrated GPU of Gen12LP (Tiger Lake). That generation has no XMX, so the plugin
// takes its own OpenCL kernels and never oneDNN's, which are machine code of real GPUs.
#include <cstdlib>
#include <cstring>

#include "layer.h"

namespace layer {
namespace {

cl_int put(const void* from, size_t bytes, size_t size, void* value, size_t* size_needed) {
  if (size_needed != nullptr) *size_needed = bytes;
  if (value == nullptr) return CL_SUCCESS;
  if (size < bytes) return CL_INVALID_VALUE;
  std::memcpy(value, from, bytes);
  return CL_SUCCESS;
}

cl_int CL_API_CALL device_ids(cl_platform_id platform, cl_device_type type, cl_uint entries, cl_device_id* devices,
                              cl_uint* count) {
  if (type == CL_DEVICE_TYPE_GPU) type = CL_DEVICE_TYPE_CPU;
  return next->clGetDeviceIDs(platform, type, entries, devices, count);
}

cl_int CL_API_CALL device_info(cl_device_id device, cl_device_info what, size_t size, void* value, size_t* needed) {
  const auto number = [&](auto x) { return put(&x, sizeof x, size, value, needed); };
  const auto text = [&](const char* x) { return put(x, std::strlen(x) + 1, size, value, needed); };
  // A driver that was updated: OpenVINO must not take what it compiled with another one.
  const char* driver = std::getenv("EMULATED_GPU_DRIVER");
  switch (what) {
    case CL_DRIVER_VERSION:
      return driver == nullptr ? next->clGetDeviceInfo(device, what, size, value, needed) : text(driver);
    case CL_DEVICE_TYPE:
      return number(cl_device_type{CL_DEVICE_TYPE_GPU});
    case CL_DEVICE_VENDOR_ID:
      return number(cl_uint{0x8086});
    case CL_DEVICE_VENDOR:
      return text("Intel(R) Corporation");
    case CL_DEVICE_NAME:
      return text("Emulated Graphics");
    case CL_DEVICE_HOST_UNIFIED_MEMORY:
      return number(cl_bool{CL_TRUE});
    case CL_DEVICE_MAX_COMPUTE_UNITS:
      return number(cl_uint{96});
    case CL_DEVICE_MAX_CLOCK_FREQUENCY:
      return number(cl_uint{1300});
    case CL_DEVICE_MAX_WORK_GROUP_SIZE:
      return number(size_t{512});
    case CL_DEVICE_MAX_WORK_ITEM_SIZES: {
      const size_t sizes[3] = {512, 512, 512};
      return put(sizes, sizeof sizes, size, value, needed);
    }
    case CL_DEVICE_LOCAL_MEM_SIZE:
      return number(cl_ulong{65536});
    case CL_DEVICE_SUB_GROUP_SIZES_INTEL: {
      const size_t sizes[3] = {8, 16, 32};
      return put(sizes, sizeof sizes, size, value, needed);
    }
    case CL_DEVICE_PARTITION_MAX_SUB_DEVICES:
      return number(cl_uint{0});
    case CL_DEVICE_IP_VERSION_INTEL:
      return number(cl_uint{0x03000000});  // 12.0.0
    case CL_DEVICE_ID_INTEL:
      return number(cl_uint{0x9A49});
    case CL_DEVICE_NUM_SLICES_INTEL:
      return number(cl_uint{1});
    case CL_DEVICE_NUM_SUB_SLICES_PER_SLICE_INTEL:
      return number(cl_uint{6});
    case CL_DEVICE_NUM_EUS_PER_SUB_SLICE_INTEL:
      return number(cl_uint{16});
    case CL_DEVICE_NUM_THREADS_PER_EU_INTEL:
      return number(cl_uint{7});
    case CL_DEVICE_FEATURE_CAPABILITIES_INTEL:
      return number(cl_device_feature_capabilities_intel{0});  // neither DP4A nor DPAS
    default:
      return next->clGetDeviceInfo(device, what, size, value, needed);
  }
}

}  // namespace

void intercept_device(cl_icd_dispatch& table) {
  table.clGetDeviceIDs = device_ids;
  table.clGetDeviceInfo = device_info;
}

}  // namespace layer
