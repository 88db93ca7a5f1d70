#include "numbers.h"

#include <cmath>
#include <limits>
#include <utility>

#include "error.h"

namespace gapglass {

Quadrature gauss_legendre(int points, Real lower, Real upper) {
  Quadrature q;
  q.nodes.resize(points);
  q.weights.resize(points);
  const Real pi = std::acos(Real(-1));
  for (int i = 0; i < points; ++i) {
    Real x = -std::cos(pi * (i + Real(0.75)) / (points + Real(0.5))), slope = 1;
    for (int step = 0; step < 100; ++step) {
      Real now = 1, before = 0;
      for (int k = 1; k <= points; ++k) {
        const Real next = ((2 * k - 1) * x * now - (k - 1) * before) / k;
        before = now;
        now = next;
      }
      slope = points * (x * now - before) / (x * x - 1);
      const Real change = now / slope;
      x -= change;
      if (std::fabs(change) < 4 * std::numeric_limits<Real>::epsilon()) break;
    }
    q.nodes[i] = lower + (x + 1) * (upper - lower) / 2;
    q.weights[i] = (upper - lower) / ((1 - x * x) * slope * slope);
  }
  return q;
}

Matrix inverse_root(const Matrix& s, int n) {
  // Jacobi rotations: accurate to rounding also for the small eigenvalues.
  Matrix a = s, v(n * n, 0);
  for (int i = 0; i < n; ++i) v[i * n + i] = 1;
  for (int sweep = 0; sweep < 100; ++sweep) {
    Real off = 0;
    for (int p = 0; p < n; ++p) {
      for (int q = p + 1; q < n; ++q) off += a[p * n + q] * a[p * n + q];
    }
    if (off < 1e-60L) break;
    for (int p = 0; p < n; ++p) {
      for (int q = p + 1; q < n; ++q) {
        if (a[p * n + q] == 0) continue;
        const Real theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
        const Real t = (theta >= 0 ? 1 : -1) / (std::fabs(theta) + std::sqrt(theta * theta + 1));
        const Real c = 1 / std::sqrt(t * t + 1), w = t * c;
        for (int k = 0; k < n; ++k) {
          const Real x = a[k * n + p], y = a[k * n + q];
          a[k * n + p] = c * x - w * y;
          a[k * n + q] = w * x + c * y;
        }
        for (int k = 0; k < n; ++k) {
          const Real x = a[p * n + k], y = a[q * n + k];
          a[p * n + k] = c * x - w * y;
          a[q * n + k] = w * x + c * y;
        }
        for (int k = 0; k < n; ++k) {
          const Real x = v[k * n + p], y = v[k * n + q];
          v[k * n + p] = c * x - w * y;
          v[k * n + q] = w * x + c * y;
        }
      }
    }
  }
  Matrix out(n * n, 0);
  for (int k = 0; k < n; ++k) {
    const Real value = a[k * n + k];
    if (!(value > 0)) throw Error("the radial basis is linearly dependent");
    for (int i = 0; i < n; ++i) {
      for (int j = 0; j < n; ++j) out[i * n + j] += v[i * n + k] * v[j * n + k] / std::sqrt(value);
    }
  }
  return out;
}

Matrix cholesky(const Matrix& s, int n) {
  Matrix l(n * n, 0);
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j <= i; ++j) {
      Real rest = s[i * n + j];
      for (int k = 0; k < j; ++k) rest -= l[i * n + k] * l[j * n + k];
      if (i == j) {
        if (!(rest > 0)) throw Error("the radial basis is linearly dependent");
        l[i * n + i] = std::sqrt(rest);
      } else {
        l[i * n + j] = rest / l[j * n + j];
      }
    }
  }
  return l;
}

Matrix solve(Matrix a, Matrix b, int n) {
  for (int c = 0; c < n; ++c) {
    int pivot = c;
    for (int i = c + 1; i < n; ++i) {
      if (std::fabs(a[i * n + c]) > std::fabs(a[pivot * n + c])) pivot = i;
    }
    if (a[pivot * n + c] == 0) throw Error("the radial basis is linearly dependent");
    for (int k = 0; k < n; ++k) {
      std::swap(a[c * n + k], a[pivot * n + k]);
      std::swap(b[c * n + k], b[pivot * n + k]);
    }
    for (int i = 0; i < n; ++i) {
      if (i == c) continue;
      const Real f = a[i * n + c] / a[c * n + c];
      for (int k = 0; k < n; ++k) {
        a[i * n + k] -= f * a[c * n + k];
        b[i * n + k] -= f * b[c * n + k];
      }
    }
  }
  for (int i = 0; i < n; ++i) {
    for (int k = 0; k < n; ++k) b[i * n + k] /= a[i * n + i];
  }
  return b;
}

void scaled_bessel(Real x, int l_max, Real* out) {
  if (x < Real(1e-8)) {
    // i_l(x) = x^l / (2 l + 1)!! (1 + x² / (2 (2 l + 3)) + ...), and the second term is below rounding here.
    Real term = 1 - x;
    for (int l = 0; l <= l_max; ++l) {
      out[l] = term;
      term *= x / (2 * l + 3);
    }
    return;
  }
  // Downward recursion from far above, where upward recursion would lose all digits, scaled by i_0 = sinh(x) / x.
  int top = l_max + 20 + static_cast<int>(x / 2);
  if (top > l_max + 400) top = l_max + 400;
  Real above = 0, now = Real(1e-300L);
  for (int l = top; l >= 0; --l) {
    if (l <= l_max) out[l] = now;
    const Real below = above + (2 * l + 1) / x * now;
    above = now;
    now = below;
    if (now > Real(1e300L)) {
      now *= Real(1e-300L);
      above *= Real(1e-300L);
      for (int k = l; k <= l_max; ++k) out[k] *= Real(1e-300L);
    }
  }
  const Real first = -std::expm1(-2 * x) / (2 * x), scale = first / out[0];
  for (int l = 0; l <= l_max; ++l) out[l] *= scale;
}

}  // namespace gapglass
