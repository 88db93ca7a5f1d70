#include "spline.h"

#include <algorithm>

#include "error.h"

namespace gapglass {

Spline::Spline(std::vector<double> x, std::vector<double> y, double first_slope, double last_slope)
    : x_(std::move(x)), y_(std::move(y)), second_(x_.size(), 0.0), first_slope_(first_slope) {
  const int n = static_cast<int>(x_.size());
  if (n < 2) throw Error("a spline has fewer than two points");
  for (int i = 1; i < n; ++i) {
    if (!(x_[i] > x_[i - 1])) throw Error("the points of a spline do not ascend");
  }
  // The second derivatives solve a tridiagonal system (continuity of the first derivative, and the slopes at the ends).
  std::vector<double> diagonal(n), upper(n), right(n);
  auto slope = [&](int i) { return (y_[i + 1] - y_[i]) / (x_[i + 1] - x_[i]); };
  for (int i = 0; i < n; ++i) {
    const double below = i ? x_[i] - x_[i - 1] : 0.0, above = i + 1 < n ? x_[i + 1] - x_[i] : 0.0;
    diagonal[i] = (below + above) / 3;
    upper[i] = above / 6;
    right[i] = (i + 1 < n ? slope(i) : last_slope) - (i ? slope(i - 1) : first_slope);
  }
  for (int i = 1; i < n; ++i) {
    const double f = upper[i - 1] / diagonal[i - 1];  // the matrix is symmetric
    diagonal[i] -= f * upper[i - 1];
    right[i] -= f * right[i - 1];
  }
  for (int i = n - 1; i >= 0; --i) {
    second_[i] = (right[i] - (i + 1 < n ? upper[i] * second_[i + 1] : 0.0)) / diagonal[i];
  }
}

void Spline::look_up(double x, double* value, double* slope) const {
  *value = *slope = 0;
  if (x_.empty() || x >= x_.back()) return;
  if (x <= x_.front()) {
    *value = y_.front() + first_slope_ * (x - x_.front());
    *slope = first_slope_;
    return;
  }
  const auto i = std::upper_bound(x_.begin(), x_.end(), x) - x_.begin() - 1;
  const double h = x_[i + 1] - x_[i], a = (x_[i + 1] - x) / h, b = 1 - a;
  *value = a * y_[i] + b * y_[i + 1] + ((a * a * a - a) * second_[i] + (b * b * b - b) * second_[i + 1]) * h * h / 6;
  *slope = (y_[i + 1] - y_[i]) / h + (-(3 * a * a - 1) * second_[i] + (3 * b * b - 1) * second_[i + 1]) * h / 6;
}

}  // namespace gapglass
