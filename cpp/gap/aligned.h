// An array of numbers that begins at the start of a cache line, as vector loads want it.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

namespace gapglass {

class Aligned {
 public:
  Aligned() = default;
  explicit Aligned(std::size_t size) { resize(size); }

  // The contents are zero afterwards.
  void resize(std::size_t size) {
    data_.reset(static_cast<double*>(::operator new(sizeof(double) * (size + 8), std::align_val_t{64})));
    size_ = size;
    for (std::size_t i = 0; i < size; ++i) data_.get()[i] = 0.0;
  }
  void at_least(std::size_t size) {
    if (size > size_) resize(size + size / 4);
  }

  double* data() { return data_.get(); }
  const double* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  double& operator[](std::size_t i) { return data_.get()[i]; }
  double operator[](std::size_t i) const { return data_.get()[i]; }

 private:
  struct Free {
    void operator()(double* p) const { ::operator delete(p, std::align_val_t{64}); }
  };
  std::unique_ptr<double, Free> data_;
  std::size_t size_ = 0;
};

}  // namespace gapglass
