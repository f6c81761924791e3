#include "programs.h"

#include <chrono>
#include <cstdio>
#include <map>
#include <mutex>
#include <string_view>
#include <vector>

#include "kernel_cache.h"
#include "state.h"

namespace layer {
namespace {

std::mutex mutex;
std::map<cl_program, std::shared_ptr<Program>> programs;

// What the plugin's kernels take for granted of a GPU. Its RMS kernel squares with native_powr, which OpenCL leaves
// undefined for a negative base: NaN on a CPU, the square on a GPU.
constexpr const char* kGpuFunctions = R"(
#define EMULATED_POWR(T) T __attribute__((overloadable)) emulated_powr(T x, T y) { return pow(x, y); }
EMULATED_POWR(float) EMULATED_POWR(float2) EMULATED_POWR(float4) EMULATED_POWR(float8) EMULATED_POWR(float16)
#define native_powr(x, y) emulated_powr(x, y)
#line 1
)";

// Without optimization Intel's runtime (2026.2.0) gives each lane of a sub-group the first lane's element of a block
// that is read in units of 8 or 16 bits, and writes that of the last lane only; 32 bits are right. This is enough to
// see it, with -cl-opt-disable:
//
//   __attribute__((intel_reqd_sub_group_size(16))) __kernel void k(__global const ushort* a, __global ushort* b) {
//     b[get_global_id(0)] = intel_sub_group_block_read_us(a);  // a[0] sixteen times
//   }
constexpr const char* kBlockFunctions = R"(
#define OVER __attribute__((overloadable))
#define LANE get_sub_group_local_id()
#define LANES get_max_sub_group_size()
#define BLOCKS_IN(S, N, T) \
T OVER emulated_read_##N(const S T* p) { return p[LANE]; } \
T##2 OVER emulated_read_##N##2(const S T* p) { return (T##2)(p[LANE], p[LANE + LANES]); } \
T##4 OVER emulated_read_##N##4(const S T* p) { return (T##4)(emulated_read_##N##2(p), emulated_read_##N##2(p + 2 * LANES)); } \
T##8 OVER emulated_read_##N##8(const S T* p) { return (T##8)(emulated_read_##N##4(p), emulated_read_##N##4(p + 4 * LANES)); } \
T##16 OVER emulated_read_##N##16(const S T* p) { return (T##16)(emulated_read_##N##8(p), emulated_read_##N##8(p + 8 * LANES)); } \
void OVER emulated_write_##N(S T* p, T v) { p[LANE] = v; } \
void OVER emulated_write_##N##2(S T* p, T##2 v) { p[LANE] = v.s0; p[LANE + LANES] = v.s1; } \
void OVER emulated_write_##N##4(S T* p, T##4 v) { emulated_write_##N##2(p, v.lo); emulated_write_##N##2(p + 2 * LANES, v.hi); } \
void OVER emulated_write_##N##8(S T* p, T##8 v) { emulated_write_##N##4(p, v.lo); emulated_write_##N##4(p + 4 * LANES, v.hi); } \
void OVER emulated_write_##N##16(S T* p, T##16 v) { emulated_write_##N##8(p, v.lo); emulated_write_##N##8(p + 8 * LANES, v.hi); }
BLOCKS_IN(__global, us, ushort)
BLOCKS_IN(__local, us, ushort)
BLOCKS_IN(__global, uc, uchar)
BLOCKS_IN(__local, uc, uchar)
#undef BLOCKS_IN
#undef LANES
#undef LANE
#undef OVER
#define intel_sub_group_block_read_us emulated_read_us
#define intel_sub_group_block_write_us emulated_write_us
#define intel_sub_group_block_read_us2 emulated_read_us2
#define intel_sub_group_block_write_us2 emulated_write_us2
#define intel_sub_group_block_read_us4 emulated_read_us4
#define intel_sub_group_block_write_us4 emulated_write_us4
#define intel_sub_group_block_read_us8 emulated_read_us8
#define intel_sub_group_block_write_us8 emulated_write_us8
#define intel_sub_group_block_read_us16 emulated_read_us16
#define intel_sub_group_block_write_us16 emulated_write_us16
#define intel_sub_group_block_read_uc emulated_read_uc
#define intel_sub_group_block_write_uc emulated_write_uc
#define intel_sub_group_block_read_uc2 emulated_read_uc2
#define intel_sub_group_block_write_uc2 emulated_write_uc2
#define intel_sub_group_block_read_uc4 emulated_read_uc4
#define intel_sub_group_block_write_uc4 emulated_write_uc4
#define intel_sub_group_block_read_uc8 emulated_read_uc8
#define intel_sub_group_block_write_uc8 emulated_write_uc8
#define intel_sub_group_block_read_uc16 emulated_read_uc16
#define intel_sub_group_block_write_uc16 emulated_write_uc16
#line 1
)";

// Whether a program reads or writes units of 8 or 16 bits, as far as the plugin's names of types tell.
bool has_small_units(const std::string& source) {
  for (const char* name : {"UNIT", "FILTER", "OUTPUT", "INPUT0", "INPUT1", "INPUT2", "INPUT3", "INPUT4", "INPUT5"}) {
    for (const char* type : {"half", "char", "uchar", "short", "ushort"}) {
      if (source.find(std::string("#define ") + name + "_TYPE " + type + '\n') != std::string::npos) return true;
    }
  }
  return false;
}

// Without optimization a model's kernels compile in half a minute, not in several, and tiny models are quick enough.
//
// Still wrong then, with Intel's runtime (2026.2.0): a function of sub-groups in a branch that only some lanes take,
// whose result all lanes get:
//
//   uint i = get_sub_group_local_id();
//   if (i < 8) b[i] = 1; else b[i] = intel_sub_group_shuffle(a[i], 9);  // a[9] sixteen times
//
// The plugin's kernels in f32, and those of the stateful engine in f16, give the right numbers nevertheless. Its paged
// attention in f16 does not, for this cause or another.
std::string faster(const std::string& options) { return options + " -cl-opt-disable"; }

// The plugin releases a program as soon as it has its kernels, and later asks a kernel for its program. A GPU's driver
// keeps it for the kernel. A CPU's runtime may give one that is gone. So no program is ever freed.
void hold(cl_program program) { next->clRetainProgram(program); }

void remember(cl_program program, std::shared_ptr<Program> record) {
  hold(program);
  const std::lock_guard lock(mutex);
  programs[program] = std::move(record);
}

std::string binary_of(cl_program program) {
  size_t bytes = 0;
  if (next->clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof bytes, &bytes, nullptr) != CL_SUCCESS) return {};
  std::string binary(bytes, '\0');
  auto* data = reinterpret_cast<unsigned char*>(binary.data());
  if (next->clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof data, static_cast<void*>(&data), nullptr) !=
      CL_SUCCESS) {
    return {};
  }
  return binary;
}

// A built program of a binary that was kept; nullptr when there is none, or none that this runtime takes.
cl_program from_cache(cl_program program, cl_device_id device, const std::string& name, const char* options) {
  const auto binary = kept(name);
  cl_context context = nullptr;
  if (binary.empty() ||
      next->clGetProgramInfo(program, CL_PROGRAM_CONTEXT, sizeof context, &context, nullptr) != CL_SUCCESS) {
    return nullptr;
  }
  const auto* data = reinterpret_cast<const unsigned char*>(binary.data());
  const size_t bytes = binary.size();
  cl_int error = CL_SUCCESS;
  cl_program built = next->clCreateProgramWithBinary(context, 1, &device, &bytes, &data, nullptr, &error);
  if (error != CL_SUCCESS) return nullptr;
  if (next->clBuildProgram(built, 1, &device, options, nullptr, nullptr) == CL_SUCCESS) {
    log("%s taken from the cache", name.c_str());
    return built;
  }
  next->clReleaseProgram(built);
  return nullptr;
}

// Names, where the plugin wrote them as KERNEL_ID.
std::string kernels_of(const std::string& source) {
  constexpr std::string_view kMark = "#define KERNEL_ID ";
  std::string names;
  for (size_t at = 0; (at = source.find(kMark, at)) != std::string::npos; ++at) {
    const auto begin = at + kMark.size();
    names += (names.empty() ? "" : ", ") + source.substr(begin, source.find('\n', begin) - begin);
  }
  return names;
}

// A build that fails is a fault of the runtime or of this layer, and its cause is in the compiler's words alone: they
// are always told, and the source stays beside the kernels.
void tell_failure(cl_program program, cl_device_id device, const Program& record, cl_int error) {
  size_t bytes = 0;
  next->clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, 0, nullptr, &bytes);
  std::string words(bytes, '\0');
  next->clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, bytes, words.data(), nullptr);
  const auto name = "failed-" + fingerprint(record.source + '\n' + record.options) + ".cl";
  keep(name, "// " + record.options + '\n' + record.source);
  std::fprintf(stderr, "emulated GPU: a build failed with %d, its source is %s among the kernels:\n%s\n", error,
               name.c_str(), words.c_str());
}

cl_int build_now(cl_program program, cl_device_id device, const std::string& options) {
  // One at a time: the runtime's compiler crashed when two threads compiled without optimization.
  static std::mutex compiler;
  const std::lock_guard lock(compiler);
  const auto record = program_of(program);
  // A binary's options are those of the source it was made of.
  if (!record->is_binary) record->options = options;
  // A program that the plugin made of a binary needs no cache.
  std::string name;
  if (!record->is_binary) name = fingerprint(record->source + '\n' + record->options) + ".bin";
  if (!name.empty()) {
    if (cl_program built = from_cache(program, device, name, options.c_str())) {
      record->runtime = built;
      remember(built, record);
      return CL_SUCCESS;
    }
    count(kCompiled);
  }
  const auto start = std::chrono::steady_clock::now();
  const cl_int error = next->clBuildProgram(program, 1, &device, options.c_str(), nullptr, nullptr);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  log("%s built in %.1f s: %d", kernels_of(record->source).c_str(), seconds.count(), error);
  if (error != CL_SUCCESS) tell_failure(program, device, *record, error);
  if (error == CL_SUCCESS && !name.empty()) keep(name, binary_of(program));
  return error;
}

cl_program CL_API_CALL create_with_source(cl_context context, cl_uint parts, const char** texts, const size_t* lengths,
                                          cl_int* error) {
  std::string source = kGpuFunctions;
  for (cl_uint i = 0; i < parts; ++i) {
    const bool measured = lengths != nullptr && lengths[i] != 0;
    source += measured ? std::string(texts[i], lengths[i]) : std::string(texts[i]);
  }
  if (has_small_units(source)) source.insert(0, kBlockFunctions);
  const char* text = source.c_str();
  cl_program program = next->clCreateProgramWithSource(context, 1, &text, nullptr, error);
  if (program != nullptr) remember(program, std::make_shared<Program>(Program{source, "", program}));
  return program;
}

// OpenVINO's own cache of models holds binaries of kernels. The source, which a variant of a kernel needs, was kept
// under the binary's fingerprint when OpenVINO read that: first the line of options, then the source.
std::string name_of_source(const std::string& binary) { return fingerprint(binary) + ".cl"; }

cl_program CL_API_CALL create_with_binary(cl_context context, cl_uint devices, const cl_device_id* device,
                                          const size_t* lengths, const unsigned char** binaries, cl_int* status,
                                          cl_int* error) {
  cl_program program = next->clCreateProgramWithBinary(context, devices, device, lengths, binaries, status, error);
  if (program == nullptr) return nullptr;
  Program record{"", "", program, true};
  const auto source = kept(name_of_source({reinterpret_cast<const char*>(binaries[0]), lengths[0]}));
  if (const auto line = source.find('\n'); line != std::string::npos) {
    record.options = source.substr(0, line);
    record.source = source.substr(line + 1);
  }
  remember(program, std::make_shared<Program>(std::move(record)));
  return program;
}

cl_int CL_API_CALL build(cl_program program, cl_uint devices, const cl_device_id* device, const char* options,
                         void(CL_CALLBACK* notify)(cl_program, void*), void* user) {
  count(kBuildsBegun);
  cl_int error = ordered_failure(kBuild);
  if (error == CL_SUCCESS) {
    const bool plain = devices == 1 && notify == nullptr;
    error = plain ? build_now(program, *device, faster(options == nullptr ? "" : options))
                  : next->clBuildProgram(program, devices, device, options, notify, user);
  }
  count(kBuildsDone);
  return error;
}

cl_int CL_API_CALL program_info(cl_program program, cl_program_info what, size_t size, void* value, size_t* needed) {
  const auto record = program_of(program);
  const cl_int error = next->clGetProgramInfo(record->runtime, what, size, value, needed);
  if (error == CL_SUCCESS && what == CL_PROGRAM_BINARIES && value != nullptr && !record->source.empty()) {
    keep(name_of_source(binary_of(record->runtime)), record->options + '\n' + record->source);
  }
  return error;
}

cl_int CL_API_CALL build_info(cl_program program, cl_device_id device, cl_program_build_info what, size_t size,
                              void* value, size_t* needed) {
  return next->clGetProgramBuildInfo(program_of(program)->runtime, device, what, size, value, needed);
}

}  // namespace

std::shared_ptr<Program> program_of(cl_program program) {
  const std::lock_guard lock(mutex);
  const auto found = programs.find(program);
  return found == programs.end() ? std::make_shared<Program>(Program{"", "", program, true}) : found->second;
}

cl_program build_variant(cl_context context, cl_device_id device, const std::string& source, const std::string& options,
                         cl_int& error) {
  const char* text = source.c_str();
  cl_program program = next->clCreateProgramWithSource(context, 1, &text, nullptr, &error);
  if (error != CL_SUCCESS) return nullptr;
  remember(program, std::make_shared<Program>(Program{source, "", program}));
  error = build_now(program, device, options);
  return error == CL_SUCCESS ? program_of(program)->runtime : nullptr;
}

void intercept_programs(cl_icd_dispatch& table) {
  table.clCreateProgramWithSource = create_with_source;
  table.clCreateProgramWithBinary = create_with_binary;
  table.clBuildProgram = build;
  table.clGetProgramInfo = program_info;
  table.clGetProgramBuildInfo = build_info;
}

}  // namespace layer
