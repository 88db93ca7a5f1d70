#include "table.h"

#include <algorithm>
#include <cmath>

namespace gapglass {
namespace {

constexpr int kOrder = 6;         // coefficients of a polynomial
constexpr int kMostIntervals = 4096;

// Coefficients in x from -1 to 1 through the values at the extremes of a Chebyshev polynomial. The ends are among them, so
// that neighbouring intervals meet: energies have no jumps at the knots.
struct Interpolation {
  double node[kOrder];
  double power[kOrder][kOrder];  // [coefficient of x^i][value at node k]

  Interpolation() {
    const double pi = std::acos(-1.0);
    double chebyshev[kOrder][kOrder] = {};  // [T_j][coefficient of x^i]
    chebyshev[0][0] = 1;
    chebyshev[1][1] = 1;
    for (int j = 2; j < kOrder; ++j) {
      for (int i = 0; i < kOrder; ++i) {
        chebyshev[j][i] = (i ? 2 * chebyshev[j - 1][i - 1] : 0.0) - chebyshev[j - 2][i];
      }
    }
    for (int k = 0; k < kOrder; ++k) node[k] = std::cos(pi * k / (kOrder - 1));
    for (int i = 0; i < kOrder; ++i) {
      for (int k = 0; k < kOrder; ++k) {
        power[i][k] = 0;
        for (int j = 0; j < kOrder; ++j) {
          const double halves = (j == 0 || j == kOrder - 1 ? 0.5 : 1.0) * (k == 0 || k == kOrder - 1 ? 0.5 : 1.0);
          power[i][k] += 2.0 / (kOrder - 1) * halves * std::cos(pi * j * k / (kOrder - 1)) * chebyshev[j][i];
        }
      }
    }
  }
};

// The polynomials between two breaks, and their error relative to the functions.
struct Segment {
  int intervals = 0;
  std::vector<double> coefficients;  // [interval][kOrder][stride]
  double error = 0;
};

Segment interpolate(const Table::Functions& f, double lower, double upper, int intervals,
                    const std::vector<double>& largest, int stride) {
  static const Interpolation rule;
  const int functions = static_cast<int>(largest.size());
  const double h = (upper - lower) / intervals;
  Segment out;
  out.intervals = intervals;
  out.coefficients.assign(static_cast<std::size_t>(intervals) * kOrder * stride, 0.0);
  std::vector<double> values(kOrder * functions), check(functions);
  for (int k = 0; k < intervals; ++k) {
    const double middle = lower + (k + 0.5) * h;
    for (int i = 0; i < kOrder; ++i) {
      // The functions may jump at a break, so the ends of a segment are taken from its inside.
      const double r = middle + 0.5 * h * rule.node[i];
      f(std::min(std::max(r, lower + 1e-14), upper - 1e-14), values.data() + i * functions);
    }
    double* c = out.coefficients.data() + static_cast<std::size_t>(k) * kOrder * stride;
    for (int i = 0; i < kOrder; ++i) {
      for (int n = 0; n < functions; ++n) {
        double total = 0;
        for (int node = 0; node < kOrder; ++node) total += rule.power[i][node] * values[node * functions + n];
        c[i * stride + n] = total;
      }
    }
    if (k % 4 && k + 1 != intervals) continue;
    const double x = 0.57;  // between two nodes, where the error of interpolation is largest
    f(middle + 0.5 * h * x, check.data());
    for (int n = 0; n < functions; ++n) {
      double value = 0;
      for (int i = kOrder - 1; i >= 0; --i) value = value * x + c[i * stride + n];
      const double scale = std::max(largest[n], std::fabs(check[n])) + 1e-300;
      out.error = std::max(out.error, std::fabs(value - check[n]) / scale);
    }
  }
  return out;
}

}  // namespace

Table::Table(int functions, const std::vector<double>& breaks, double width, const Functions& f) {
  // A single function is only read by `look_up`; without padding, its polynomial fills one line of the cache.
  stride_ = functions == 1 ? 1 : (functions + kPad - 1) / kPad * kPad;
  end_ = breaks.back();
  first_.push_back(0);
  // Below a quarter of the cutoff there are hardly any neighbours, and functions may be larger there by many orders.
  std::vector<double> all, largest(functions, 0.0), sample(functions);
  for (int i = 25; i < 100; ++i) {
    f((i + 0.5) / 100 * end_, sample.data());
    for (int n = 0; n < functions; ++n) largest[n] = std::max(largest[n], std::fabs(sample[n]));
  }
  for (std::size_t s = 0; s + 1 < breaks.size(); ++s) {
    const double length = breaks[s + 1] - breaks[s];
    if (length <= 0) continue;
    Segment kept;
    for (int intervals = std::max(1, static_cast<int>(std::ceil(length / (width / 10)))); intervals <= kMostIntervals;
         intervals *= 2) {
      Segment finer = interpolate(f, breaks[s], breaks[s + 1], intervals, largest, stride_);
      // A finer grid that is no better only repeats the rounding of the functions, and gives it steeper slopes.
      if (kept.intervals && kept.error < 1e-9 && finer.error > kept.error / 4) break;
      kept = std::move(finer);
      if (kept.error <= 1e-12) break;
    }
    start_.push_back(breaks[s]);
    inverse_width_.push_back(kept.intervals / length);
    first_.push_back(first_.back() + kept.intervals);
    all.insert(all.end(), kept.coefficients.begin(), kept.coefficients.end());
  }
  coefficients_.resize(all.size());
  std::copy(all.begin(), all.end(), coefficients_.data());
}

TableView Table::view() const {
  return {static_cast<int>(start_.size()), start_.data(), inverse_width_.data(), first_.data(), coefficients_.data(),
          stride_, end_};
}

void Table::look_up(double r, double* value, double* slope) const {
  int s = static_cast<int>(start_.size()) - 1;
  while (s > 0 && r <= start_[s]) --s;
  const double where = (r - start_[s]) * inverse_width_[s];
  const int k = std::min(std::max(static_cast<int>(where), 0), first_[s + 1] - first_[s] - 1);
  const double x = 2.0 * (where - k) - 1.0;
  const double* c = coefficients_.data() + static_cast<std::size_t>(first_[s] + k) * kOrder * stride_;
  double v = c[(kOrder - 1) * stride_], d = 0;
  for (int i = kOrder - 2; i >= 0; --i) {
    d = d * x + v;
    v = v * x + c[i * stride_];
  }
  *value = v;
  *slope = d * 2.0 * inverse_width_[s];
}

}  // namespace gapglass
