// Which steps become one operation.
#pragma once
#include <map>
#include <openvino/openvino.hpp>
#include <set>
#include <vector>

#include "openvino/kernels/fusible_steps.h"
#include "openvino/kernels/graph_views.h"

namespace llm {

// Sets of steps that can be computed one after the other: no path of the graph leads out of one and back into it. One
// reads no more than about kMostWeights: a step is interrupted between operations alone.
class FusionRegions {
 public:
  // In topological order.
  void see(const std::shared_ptr<ov::Node>& node);

  const std::vector<std::vector<FusibleStep>>& all() const { return regions_; }
  // Whether a step takes a value from another one of its region.
  bool is_inside(size_t region, const FusibleStep::Input& input) const;
  // Whether an output of a step is read by what does not become a part of the region's operation.
  bool is_result(size_t region, const ov::Output<ov::Node>& value) const;
  bool is_made(const ov::Output<ov::Node>& value) const { return widths_.contains(value); }
  const Views& views() const { return views_; }

 private:
  using Places = std::map<const ov::Node*, size_t>;

  // The regions whose values a value hangs on: its own one, or those before what makes it.
  std::set<size_t> before(const ov::Output<ov::Node>& value) const;
  void note_path(const ov::Node* node, const ov::OutputVector& inputs);
  bool hangs_on(const std::set<size_t>& regions, size_t wanted) const;
  void place(FusibleStep step);
  void put(size_t region, FusibleStep step);

  Views views_;
  std::vector<std::vector<FusibleStep>> regions_;
  std::vector<std::set<size_t>> needs_;  // of each region: those that it hangs on directly
  std::vector<size_t> weights_;          // of each region, in bytes
  Places region_of_;
  Places region_of_interior_;
  std::map<ov::Output<ov::Node>, size_t> widths_;      // of what steps make
  std::map<const ov::Node*, std::set<size_t>> paths_;  // of operations outside: the regions before them
};

}  // namespace llm
