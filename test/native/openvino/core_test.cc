#include "openvino/core.h"

#include "tap.h"

namespace llm {
namespace {

TEST("words of OpenVINO that say there was no memory have the code of that") {
  for (const char* words : {
           "[GPU] clEnqueueNDRangeKernel, error code: -4 CL_MEM_OBJECT_ALLOCATION_FAILURE",
           "[GPU] clWaitForEvents, error code: -6 CL_OUT_OF_HOST_MEMORY",
           "[GPU] clWaitForEvents failed with -4 code",
           "[GPU] clWaitForEvents failed with -6 code",
           "[CL ext] Can not allocate 131072 bytes for USM Host. ptr: 0, error: -4",
           "[CL ext] Can not allocate 131072 bytes for USM Device. ptr: 0, error: -5",
           "[CL ext] Can not allocate 131072 bytes for USM Device. ptr: 0, error: -61",
           "[GPU] Exceeded max size of memory allocation: Required 9 bytes, already occupied: 8 bytes",
           "std::bad_alloc",
       }) {
    CHECK_EQUAL(code_of(words, ERR_ENGINE), ERR_OUT_OF_MEMORY);
  }
}

TEST("other words keep the code that they would have had") {
  for (const char* words : {
           "[GPU] clEnqueueNDRangeKernel, error code: -2 CL_DEVICE_NOT_AVAILABLE",
           "[GPU] clWaitForEvents failed with -5 code",
           "[GPU] clWaitForEvents failed with -44 code",
           "[CL ext] Can not allocate 131072 bytes for USM Device. ptr: 0, error: -2",
           "[CL ext] Can not allocate 131072 bytes for USM Device. ptr: 0, error: -44",
           "",
       }) {
    CHECK_EQUAL(code_of(words, ERR_PROPERTY), ERR_PROPERTY);
  }
}

}  // namespace
}  // namespace llm
