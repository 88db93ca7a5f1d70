// Functions of the distance, tabulated.
#pragma once

#include <functional>
#include <vector>

#include "aligned.h"
#include "kernels.h"

namespace gapglass {

// Polynomials of degree 5 between the knots of a grid that is uniform from one break to the next.
class Table {
 public:
  // The values of all `functions` at a distance.
  using Functions = std::function<void(double r, double* values)>;

  // `breaks` ascend from 0 to the end, beyond which all is zero; between two of them the functions are smooth, at one
  // they may jump or kink. `width` (Å) is the length over which they change; intervals are halved until the polynomials
  // agree with the functions to 1e-12 of their value, or of their largest one beyond a quarter of the end.
  Table(int functions, const std::vector<double>& breaks, double width, const Functions& f);

  TableView view() const;
  double end() const { return end_; }

  // Value and slope of function 0.
  void look_up(double r, double* value, double* slope) const;
  std::size_t bytes() const { return coefficients_.size() * sizeof(double); }

 private:
  std::vector<double> start_, inverse_width_;
  std::vector<int> first_;
  Aligned coefficients_;
  int stride_;
  double end_;
};

}  // namespace gapglass
