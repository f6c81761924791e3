#include "openvino/runners/device_presence.h"

#include <map>
#include <string>
#include <vector>

#include "tap.h"

namespace llm {
namespace {

using Ids = std::vector<std::string>;

TEST("a device is present by its plugin's name or by a number that the plugin lists") {
  CHECK(is_present("GPU", Ids{"0"}));
  CHECK(is_present("GPU.0", Ids{"0"}));
  CHECK(is_present("GPU", Ids{"0", "1"}));
  CHECK(is_present("GPU.1", Ids{"0", "1"}));
  CHECK(is_present("GPU.0.1", Ids{"0.0", "0.1"}));
  CHECK(is_present("NPU.4000", Ids{"4000"}));
  CHECK(is_present("CPU", Ids{""}));
}

TEST("a number that the plugin does not list is not present, nor is anything of a plugin without devices") {
  CHECK(!is_present("GPU.1", Ids{"0"}));
  CHECK(!is_present("GPU.0", Ids{"0.0", "0.1"}));
  CHECK(!is_present("GPU.00", Ids{"0"}));
  CHECK(!is_present("GPU", Ids{}));
  CHECK(!is_present("GPU.0", Ids{}));
  // The CPU's plugin refuses every number.
  CHECK(!is_present("CPU.0", Ids{""}));
  CHECK(!is_present("CPU.", Ids{""}));
}

TEST("a message lists each device with its number") {
  const std::map<std::string, Ids> ids{{"CPU", {""}}, {"GPU", {"0"}}, {"NPU", {"3720", "4000"}}};
  const auto ids_of = [&](const std::string& plugin) { return ids.at(plugin); };
  CHECK_EQUAL(list_present({"CPU", "GPU", "NPU.3720", "NPU.4000"}, ids_of),
              std::string("CPU, GPU.0, NPU.3720, NPU.4000"));
  CHECK_EQUAL(list_present({}, ids_of), std::string(""));
}

}  // namespace
}  // namespace llm
