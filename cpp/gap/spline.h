// The cubic splines of a repulsive core.
#pragma once

#include <vector>

namespace gapglass {

// Cubic spline through points with given slopes at both ends; below the first point a straight line with the first
// slope, above the last one zero.
class Spline {
 public:
  Spline() = default;
  // Throws Error when the points do not ascend.
  Spline(std::vector<double> x, std::vector<double> y, double first_slope, double last_slope);

  double end() const { return x_.empty() ? 0.0 : x_.back(); }
  void look_up(double x, double* value, double* slope) const;

 private:
  std::vector<double> x_, y_, second_;  // second derivatives at the points
  double first_slope_ = 0;
};

}  // namespace gapglass
