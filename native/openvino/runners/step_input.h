// An input of a graph that is set anew for every step: looked up once, in memory that is allocated once.
#pragma once
#include <algorithm>
#include <openvino/openvino.hpp>
#include <span>
#include <string>
#include <utility>

namespace llm {

// One-dimensional, of T; or a scalar, which is resized to one element once.
template <class T>
class StepInput {
 public:
  // Room for `capacity` elements; more may be asked for later, at the price of an allocation.
  StepInput(std::string name, size_t capacity)
      : name_(std::move(name)), capacity_(capacity), tensor_(ov::element::from<T>(), {capacity}) {}

  void bind(ov::InferRequest& request) const { request.set_tensor(name_, tensor_); }

  // The elements of the next step; what they held is gone.
  std::span<T> resize(size_t count) {
    if (count > capacity_) {
      capacity_ = std::max(count, 2 * capacity_);
      shape_[0] = capacity_;
      tensor_.set_shape(shape_);
    }
    shape_[0] = count;
    tensor_.set_shape(shape_);
    return {tensor_.template data<T>(), count};
  }

 private:
  std::string name_;
  size_t capacity_;
  ov::Tensor tensor_;
  ov::Shape shape_{0};
};

}  // namespace llm
