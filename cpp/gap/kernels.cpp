// Expansion of the neighbour density, power spectrum, sums over sparse points, and the way back.
//
// Sources: Phys. Rev. B 87, 184115 (2013), doi:10.1103/PhysRevB.87.184115, for the power spectrum and the dot-product
// kernel; Phys. Rev. B 100, 024112 (2019), doi:10.1103/PhysRevB.100.024112, for the separable radial parts.
//
// Environments are the lanes of the vectors from the power spectrum on (arrays [component][environment]), so that no
// lane is wasted on padding and sums over sparse points are matrix products. Before it, the radial functions are.
// Derivatives run in reverse: only the derivative of the energy is ever stored, none of a descriptor.

#include "kernels.h"

#ifndef GAPGLASS_LEVEL
#define GAPGLASS_LEVEL plain
#endif

#if defined(__AVX512F__)
#define GAPGLASS_LANES 8
#elif defined(__AVX__)
#define GAPGLASS_LANES 4
#else
#define GAPGLASS_LANES 2
#endif

#define GAPGLASS_TEXT_(x) #x
#define GAPGLASS_TEXT(x) GAPGLASS_TEXT_(x)

namespace gapglass {
namespace GAPGLASS_LEVEL {
namespace {

constexpr int kLanes = GAPGLASS_LANES;
// Rows of a block of the matrix products: rows times three vectors have to stay in registers (32 or 16).
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kRows = 8;
#else
constexpr int kRows = 4;
#endif
constexpr int kTile = 64;  // sparse points whose products are in work together: they stay in the second cache

typedef double Vector __attribute__((vector_size(8 * GAPGLASS_LANES), may_alias));

inline Vector& at(double* p) { return *reinterpret_cast<Vector*>(p); }
inline const Vector& at(const double* p) { return *reinterpret_cast<const Vector*>(p); }
inline Vector zero() { return Vector{}; }
inline int padded(int n, int to) { return (n + to - 1) / to * to; }

inline double sum(Vector v) {
  double total = 0.0;
  for (int i = 0; i < kLanes; ++i) total += v[i];
  return total;
}

inline Vector root(Vector v) {
  for (int i = 0; i < kLanes; ++i) v[i] = __builtin_sqrt(v[i]);
  return v;
}

// ---------------------------------------------------------------- neighbours of one environment

// Structure of arrays, neighbours in order of their block.
struct Neighbours {
  int count;
  int stride;         // of arrays that hold one number per neighbour
  int* first;         // [blocks + 1]
  int* index;         // [count], in the list of the caller
  double* r;          // [stride]
  double* inverse_r;  // [stride]
  double* u;          // [3][stride], unit vectors
};

// Where the parts of the scratch memory begin.
struct Layout {
  int stride;
  double *c, *p, *dp, *k, *norm;       // of the batch
  double *local, *d_local;             // c and its derivative for one environment, [harmonics][columns]
  double *geometry, *y, *radial, *d_radial, *functions;
  int* integers;
  unsigned long size;
};

Layout layout(const TermView& t, int most_neighbours, double* base) {
  Layout w;
  w.stride = padded(most_neighbours + 1, kPad);  // one more: `sort_neighbours` writes before it counts
  int largest = 0;
  for (int b = 0; b < t.blocks; ++b) largest = t.block_size[b] > largest ? t.block_size[b] : largest;
  int widest = 0;
  for (int b = 0; b < t.blocks; ++b) widest = t.tables[b].stride > widest ? t.tables[b].stride : widest;
  unsigned long used = 0;
  auto take = [&](unsigned long n) {
    double* p = base + used;
    used += (n + kPad - 1) / kPad * kPad;
    return p;
  };
  w.c = take(static_cast<unsigned long>(t.functions) * t.harmonics * kBatch);
  w.p = take(static_cast<unsigned long>(t.dimensions) * kBatch);
  w.dp = take(static_cast<unsigned long>(t.dimensions) * kBatch);
  w.k = take(static_cast<unsigned long>(kTile) * kBatch);
  w.norm = take(kBatch);
  w.local = take(static_cast<unsigned long>(t.harmonics) * t.columns);
  w.d_local = take(static_cast<unsigned long>(t.harmonics) * t.columns);
  w.geometry = take(5ul * w.stride);
  w.y = take(4ul * t.harmonics * w.stride);
  w.radial = take(static_cast<unsigned long>(t.l_max + 1) * largest * (w.stride + 1));
  w.d_radial = take(static_cast<unsigned long>(t.l_max + 1) * largest);
  w.functions = take(2ul * widest);
  w.integers = reinterpret_cast<int*>(take(w.stride + t.blocks + kPad));
  w.size = used;
  return w;
}

Neighbours sort_neighbours(const TermView& t, const EnvironmentView& e, const Layout& w) {
  Neighbours n;
  n.stride = w.stride;
  n.r = w.geometry;
  n.inverse_r = n.r + n.stride;
  n.u = n.inverse_r + n.stride;
  n.first = w.integers;
  n.index = w.integers + t.blocks + 2;
  int count = 0;
  for (int b = 0; b < t.blocks; ++b) {
    n.first[b] = count;
    const double end = t.tables[b].end;
    for (int j = 0; j < e.neighbours; ++j) {
      const double* v = e.vectors + 3 * j;
      const double r2 = v[0] * v[0] + v[1] * v[1] + v[2] * v[2];
      // Written in any case, and overwritten by the next one if it does not count: such branches are badly predicted.
      n.index[count] = j;
      n.r[count] = r2;
      for (int a = 0; a < 3; ++a) n.u[a * n.stride + count] = v[a];
      count += (t.block_of[e.species[j]] == b) & (r2 < end * end);
    }
  }
  n.first[t.blocks] = count;
  n.count = count;
  for (int j = count; j < padded(count, kPad); ++j) {
    n.r[j] = 1.0;
    for (int a = 0; a < 3; ++a) n.u[a * n.stride + j] = 0.0;
  }
  for (int j = 0; j < count; j += kLanes) {
    at(n.r + j) = root(at(n.r + j));
    at(n.inverse_r + j) = 1.0 / at(n.r + j);
    for (int a = 0; a < 3; ++a) at(n.u + a * n.stride + j) *= at(n.inverse_r + j);
  }
  return n;
}

// ---------------------------------------------------------------- real spherical harmonics

// Writes Y[lm][neighbour] of unit vectors and, with derivatives, three arrays more: the gradient of the polynomial
// d^m P_l(z) / dz^m times Re or Im (x + i y)^m, whose part along the sphere is that of Y.
template <bool derivatives>
void harmonics(const TermView& t, const Neighbours& n, double* y) {
  const int l_max = t.l_max, size = t.harmonics * n.stride;
  for (int j = 0; j < n.count; j += kLanes) {
    const Vector ux = at(n.u + j), uy = at(n.u + n.stride + j), uz = at(n.u + 2 * n.stride + j);
    Vector legendre[kMaxDegree + 2];  // of order m and m + 1 for the degrees l
    Vector next[kMaxDegree + 2];
    Vector cosine = zero() + 1.0, sine = zero(), before_c = zero(), before_s = zero();
    double odd = 1.0;
    // P_l^(m): (l - m) P_l = (2 l - 1) z P_(l-1) - (l + m - 1) P_(l-2), from P_m = (2 m - 1)!!.
    auto fill = [&](int m, double start, Vector* out) {
      if (m > l_max) return;
      out[m] = zero() + start;
      if (m < l_max) out[m + 1] = (2 * m + 1) * uz * out[m];
      for (int l = m + 2; l <= l_max; ++l) {
        const double a = (2.0 * l - 1.0) / (l - m), b = (l + m - 1.0) / (l - m);
        out[l] = a * uz * out[l - 1] - b * out[l - 2];
      }
    };
    fill(0, 1.0, legendre);
    for (int m = 0; m <= l_max; ++m) {
      if (derivatives) {
        next[m] = zero();
        fill(m + 1, odd * (2 * m + 1), next);
      }
      for (int l = m; l <= l_max; ++l) {
        const double norm = t.harmonic_norm[l * (l_max + 1) + m];
        const Vector p = norm * legendre[l];
        double* plus = y + (l * l + l + m) * n.stride + j;
        double* minus = y + (l * l + l - m) * n.stride + j;
        at(plus) = p * cosine;
        if (m) at(minus) = p * sine;
        if (derivatives) {
          const Vector dp = norm * next[l];
          const double order = m;
          at(plus + size) = order * p * before_c;
          at(plus + 2 * size) = -order * p * before_s;
          at(plus + 3 * size) = dp * cosine;
          if (m) {
            at(minus + size) = order * p * before_s;
            at(minus + 2 * size) = order * p * before_c;
            at(minus + 3 * size) = dp * sine;
          }
        }
      }
      before_c = cosine;
      before_s = sine;
      cosine = ux * before_c - uy * before_s;
      sine = ux * before_s + uy * before_c;
      odd *= 2 * m + 1;
      if (derivatives) {
        for (int l = m + 1; l <= l_max; ++l) legendre[l] = next[l];
      } else {
        fill(m + 1, odd, legendre);
      }
    }
  }
}

// ---------------------------------------------------------------- radial functions

// Values, and with derivatives also those by the distance behind them, of all functions of a table.
template <bool derivatives>
inline void look_up(const TableView& table, double r, double* out) {
  int s = table.segments - 1;
  while (s > 0 && r <= table.start[s]) --s;
  const double scale = table.inverse_width[s];
  const double where = (r - table.start[s]) * scale;
  int k = static_cast<int>(where);
  const int last = table.first[s + 1] - table.first[s] - 1;
  k = k < 0 ? 0 : k > last ? last : k;
  const double x = 2.0 * (where - k) - 1.0;
  const int stride = table.stride;
  const double* c = table.coefficients + static_cast<long>(table.first[s] + k) * 6 * stride;
  for (int f = 0; f < stride; f += kLanes) {
    Vector value = at(c + 5 * stride + f), slope = value;
    value = value * x + at(c + 4 * stride + f);
    if (derivatives) slope = slope * x + value;
    value = value * x + at(c + 3 * stride + f);
    if (derivatives) slope = slope * x + value;
    value = value * x + at(c + 2 * stride + f);
    if (derivatives) slope = slope * x + value;
    value = value * x + at(c + stride + f);
    if (derivatives) slope = slope * x + value;
    value = value * x + at(c + f);
    at(out + f) = value;
    if (derivatives) at(out + stride + f) = slope * (2.0 * scale);
  }
}

// R_nl[l][n] of one neighbour, and its derivative by the distance.
template <bool derivatives>
inline void radial(const TermView& t, int block, double r, double* functions, double* value, double* slope) {
  const TableView& table = t.tables[block];
  const int size = t.block_size[block];
  if (!t.separable) {
    if (!derivatives) {
      look_up<false>(table, r, value);
      return;
    }
    look_up<true>(table, r, functions);
    for (int f = 0; f < (t.l_max + 1) * size; f += kLanes) {
      at(value + f) = at(functions + f);
      at(slope + f) = at(functions + table.stride + f);
    }
    return;
  }
  look_up<derivatives>(table, r, functions);
  for (int l = 0; l <= t.l_max; ++l) {
    const double angular = functions[size + l];
    const double d_angular = derivatives ? functions[table.stride + size + l] : 0.0;
    for (int n = 0; n < size; n += kLanes) {
      const Vector R = at(functions + n);
      at(value + l * size + n) = angular * R;
      if (derivatives) at(slope + l * size + n) = angular * at(functions + table.stride + n) + d_angular * R;
    }
  }
}

// c[lm + i][n] for `count` neighbouring lm of one degree, kept in registers over all neighbours.
template <int count>
inline void accumulate(const double* R, long R_step, const double* y, int y_stride, int neighbours, double* c,
                       int columns) {
  Vector total[count];
  for (int i = 0; i < count; ++i) total[i] = zero();
  for (int j = 0; j < neighbours; ++j) {
    const Vector v = at(R + j * R_step);
    for (int i = 0; i < count; ++i) total[i] += y[i * y_stride + j] * v;
  }
  for (int i = 0; i < count; ++i) at(c + i * columns) = total[i];
}

void expand(const TermView& t, const EnvironmentView& e, const Layout& w) {
  const Neighbours n = sort_neighbours(t, e, w);
  harmonics<false>(t, n, w.y);
  for (int b = 0; b < t.blocks; ++b) {
    const int size = t.block_size[b], begin = n.first[b], count = n.first[b + 1] - begin;
    const long step = static_cast<long>(t.l_max + 1) * size;
    for (int j = 0; j < count; ++j) {
      radial<false>(t, b, n.r[begin + j], w.functions, w.radial + j * step, nullptr);
    }
    for (int l = 0; l <= t.l_max; ++l) {
      for (int v = 0; v < size; v += kLanes) {
        const double* R = w.radial + l * size + v;
        for (int lm = l * l; lm < (l + 1) * (l + 1);) {
          const int left = (l + 1) * (l + 1) - lm;
          const double* y = w.y + static_cast<long>(lm) * n.stride + begin;
          double* c = w.local + static_cast<long>(lm) * t.columns + t.block_first[b] + v;
          if (left >= 8) {
            accumulate<8>(R, step, y, n.stride, count, c, t.columns), lm += 8;
          } else if (left >= 5) {
            accumulate<5>(R, step, y, n.stride, count, c, t.columns), lm += 5;
          } else if (left >= 3) {
            accumulate<3>(R, step, y, n.stride, count, c, t.columns), lm += 3;
          } else {
            accumulate<1>(R, step, y, n.stride, count, c, t.columns), lm += 1;
          }
        }
      }
    }
  }
  for (int f = 0; f < t.columns; f += kLanes) at(w.local + f) += at(t.central + f);
}

// Adds dE / d(vector to a neighbour) from dE/dc of one environment.
void contract(const TermView& t, const EnvironmentView& e, const Layout& w) {
  const Neighbours n = sort_neighbours(t, e, w);
  harmonics<true>(t, n, w.y);
  const long part = static_cast<long>(t.harmonics) * n.stride;
  for (int b = 0; b < t.blocks; ++b) {
    const int size = t.block_size[b];
    for (int j = n.first[b]; j < n.first[b + 1]; ++j) {
      radial<true>(t, b, n.r[j], w.functions, w.radial, w.d_radial);
      Vector along = zero(), gx = zero(), gy = zero(), gz = zero();
      for (int v = 0; v < size; v += kLanes) {
        const double* d = w.d_local + t.block_first[b] + v;
        const double* y = w.y + j;
        for (int l = 0; l <= t.l_max; ++l) {
          Vector a = zero(), x_sum = zero(), y_sum = zero(), z_sum = zero();
          for (int m = 0; m < 2 * l + 1; ++m) {
            const Vector dc = at(d);
            a += y[0] * dc;
            x_sum += y[part] * dc;
            y_sum += y[2 * part] * dc;
            z_sum += y[3 * part] * dc;
            d += t.columns;
            y += n.stride;
          }
          const Vector R = at(w.radial + l * size + v);
          along += at(w.d_radial + l * size + v) * a;
          gx += R * x_sum;
          gy += R * y_sum;
          gz += R * z_sum;
        }
      }
      const double u[3] = {n.u[j], n.u[n.stride + j], n.u[2 * n.stride + j]};
      const double g[3] = {sum(gx), sum(gy), sum(gz)};
      const double ug = u[0] * g[0] + u[1] * g[1] + u[2] * g[2];
      const double radial_part = sum(along);
      double* out = e.gradient + 3 * n.index[j];
      for (int i = 0; i < 3; ++i) out[i] += radial_part * u[i] + (g[i] - ug * u[i]) * n.inverse_r[j];
    }
  }
}

// ---------------------------------------------------------------- power spectrum

// P = weight * sum over m of c c' and the square of its length, for `vectors` vectors of environments.
template <int vectors>
void power_spectrum(const TermView& t, const double* c, double* p, double* squares) {
  Vector total[vectors];
  for (int v = 0; v < vectors; ++v) total[v] = zero();
  const long function = static_cast<long>(t.harmonics) * kBatch;
  for (int k = 0; k < t.pairs; ++k) {
    const double* first = c + t.pair_first[k] * function;
    const double* second = c + t.pair_second[k] * function;
    for (int l = 0; l <= t.l_max; ++l) {
      Vector dot[vectors];
      for (int v = 0; v < vectors; ++v) dot[v] = zero();
      for (int m = 0; m < 2 * l + 1; ++m) {
        for (int v = 0; v < vectors; ++v) dot[v] += at(first + v * kLanes) * at(second + v * kLanes);
        first += kBatch;
        second += kBatch;
      }
      const double weight = t.weight[k * (t.l_max + 1) + l];
      for (int v = 0; v < vectors; ++v) {
        dot[v] *= weight;
        total[v] += dot[v] * dot[v];
        at(p + v * kLanes) = dot[v];
      }
      p += kBatch;
    }
  }
  for (int v = 0; v < vectors; ++v) at(squares + v * kLanes) = total[v];
}

// dE/dc from dE/dp; `dc` is overwritten.
template <int vectors>
void power_spectrum_back(const TermView& t, const double* c, const double* dp, double* dc) {
  const long function = static_cast<long>(t.harmonics) * kBatch;
  for (long i = 0; i < t.functions * function; i += kBatch) {
    for (int v = 0; v < vectors; ++v) at(dc + i + v * kLanes) = zero();
  }
  for (int k = 0; k < t.pairs; ++k) {
    const long a = t.pair_first[k] * function, b = t.pair_second[k] * function;
    const bool same = a == b;
    long i = 0;
    for (int l = 0; l <= t.l_max; ++l) {
      const double weight = t.weight[k * (t.l_max + 1) + l] * (same ? 2.0 : 1.0);
      Vector g[vectors];
      for (int v = 0; v < vectors; ++v) g[v] = weight * at(dp + v * kLanes);
      for (int m = 0; m < 2 * l + 1; ++m, i += kBatch) {
        for (int v = 0; v < vectors; ++v) {
          const int x = v * kLanes;
          at(dc + a + i + x) += g[v] * at(c + b + i + x);
          if (!same) at(dc + b + i + x) += g[v] * at(c + a + i + x);
        }
      }
      dp += kBatch;
    }
  }
}

// ---------------------------------------------------------------- matrix products

// out[i][e] = sum over k of a[i][k] x[k][e] for kRows rows and `vectors` vectors of environments.
template <int vectors>
inline void block_product(const double* a, int a_stride, int length, const double* x, double* out) {
  Vector total[kRows][vectors];
  for (int i = 0; i < kRows; ++i) {
    for (int v = 0; v < vectors; ++v) total[i][v] = zero();
  }
  for (int k = 0; k < length; ++k) {
    Vector column[vectors];
    for (int v = 0; v < vectors; ++v) column[v] = at(x + k * kBatch + v * kLanes);
    for (int i = 0; i < kRows; ++i) {
      const double scale = a[i * a_stride + k];
      for (int v = 0; v < vectors; ++v) total[i][v] += scale * column[v];
    }
  }
  for (int i = 0; i < kRows; ++i) {
    for (int v = 0; v < vectors; ++v) at(out + i * kBatch + v * kLanes) = total[i][v];
  }
}

// out[k][e] += sum over m of a[m][k] g[m][e] for kRows components k.
template <int vectors>
inline void block_product_transposed(const double* a, int a_stride, int points, const double* g, double* out) {
  Vector total[kRows][vectors];
  for (int i = 0; i < kRows; ++i) {
    for (int v = 0; v < vectors; ++v) total[i][v] = at(out + i * kBatch + v * kLanes);
  }
  for (int m = 0; m < points; ++m) {
    Vector row[vectors];
    for (int v = 0; v < vectors; ++v) row[v] = at(g + m * kBatch + v * kLanes);
    for (int i = 0; i < kRows; ++i) {
      const double scale = a[m * a_stride + i];
      for (int v = 0; v < vectors; ++v) total[i][v] += scale * row[v];
    }
  }
  for (int i = 0; i < kRows; ++i) {
    for (int v = 0; v < vectors; ++v) at(out + i * kBatch + v * kLanes) = total[i][v];
  }
}

inline Vector power(Vector base, int exponent) {
  Vector result = zero() + 1.0;
  for (; exponent; exponent >>= 1) {
    if (exponent & 1) result *= base;
    base *= base;
  }
  return result;
}

// Energies from unit vectors q, and dE/dq, for `vectors` vectors of environments.
template <int vectors>
void sum_over_points(const TermView& t, const double* q, double* k, double* energies, double* dq, double* products) {
  Vector energy[vectors];
  for (int v = 0; v < vectors; ++v) energy[v] = zero();
  if (dq) {
    for (int i = 0; i < t.dimensions; ++i) {
      for (int v = 0; v < vectors; ++v) at(dq + i * kBatch + v * kLanes) = zero();
    }
  }
  for (int first = 0; first < t.points; first += kTile) {
    const int count = t.points - first < kTile ? t.points - first : kTile;
    const double* rows = t.sparse + static_cast<long>(first) * t.dimensions;
    for (int m = 0; m < count; m += kRows) {
      block_product<vectors>(rows + static_cast<long>(m) * t.dimensions, t.dimensions, t.dimensions, q,
                             k + m * kBatch);
    }
    for (int m = 0; m < count; ++m) {
      const double coefficient = t.coefficient[first + m];
      for (int v = 0; v < vectors; ++v) {
        Vector& product = at(k + m * kBatch + v * kLanes);
        Vector lower;  // (q . s)^(zeta - 1)
        if (t.whole_zeta) {
          lower = power(product, t.whole_zeta - 1);
        } else {
          for (int i = 0; i < kLanes; ++i) lower[i] = product[i] > 0 ? __builtin_pow(product[i], t.zeta - 1.0) : 0.0;
        }
        const Vector full = lower * product;
        if (products) at(products + static_cast<long>(first + m) * kBatch + v * kLanes) = full;
        energy[v] += coefficient * full;
        product = (coefficient * t.zeta) * lower;
      }
    }
    if (!dq) continue;
    for (int i = 0; i < t.dimensions; i += kRows) {
      block_product_transposed<vectors>(rows + i, t.dimensions, count, k, dq + i * kBatch);
    }
  }
  for (int v = 0; v < vectors; ++v) {
    for (int i = 0; i < kLanes; ++i) energies[v * kLanes + i] += energy[v][i];
  }
}

// From c to the energies and, where derivatives are wanted, to dE/dc, which takes the place of c.
template <int vectors>
void middle(const TermView& t, const Layout& w, int offset, bool derivatives, double* energies, double* products) {
  double *c = w.c + offset, *p = w.p + offset, *dp = w.dp + offset, *k = w.k + offset, *norm = w.norm + offset;
  power_spectrum<vectors>(t, c, p, norm);
  Vector inverse[vectors], normalised[vectors];
  for (int v = 0; v < vectors; ++v) {
    const Vector length = root(at(norm + v * kLanes));
    Vector scale = zero() + 1.0, flag = zero();
    for (int i = 0; i < kLanes; ++i) {
      // A power spectrum that is nearly zero (no neighbour and no weight of the centre) is left as it is.
      if (length[i] < t.smallest_norm || length[i] == 0.0) continue;
      scale[i] = 1.0 / length[i];
      flag[i] = 1.0;
    }
    inverse[v] = scale;
    normalised[v] = flag;
  }
  const int used = t.pairs * (t.l_max + 1);
  for (int i = 0; i < t.dimensions; ++i) {
    for (int v = 0; v < vectors; ++v) {
      Vector& q = at(p + i * kBatch + v * kLanes);
      q = i < used ? q * inverse[v] : zero();
    }
  }
  sum_over_points<vectors>(t, p, k, energies, derivatives ? dp : nullptr,
                           products ? products + offset : nullptr);
  if (!derivatives) return;
  // dE/dp = (dE/dq - q (q . dE/dq)) / |p|; without normalisation q is p.
  Vector dot[vectors];
  for (int v = 0; v < vectors; ++v) dot[v] = zero();
  for (int i = 0; i < used; ++i) {
    for (int v = 0; v < vectors; ++v) dot[v] += at(p + i * kBatch + v * kLanes) * at(dp + i * kBatch + v * kLanes);
  }
  for (int v = 0; v < vectors; ++v) dot[v] *= normalised[v];
  for (int i = 0; i < used; ++i) {
    for (int v = 0; v < vectors; ++v) {
      Vector& d = at(dp + i * kBatch + v * kLanes);
      d = (d - dot[v] * at(p + i * kBatch + v * kLanes)) * inverse[v];
    }
  }
}

}  // namespace

static unsigned long scratch(const TermView& t, int most_neighbours) {
  // The derivative by c needs a second array like c.
  return layout(t, most_neighbours, nullptr).size + static_cast<unsigned long>(t.functions) * t.harmonics * kBatch;
}

static void batch(const TermView& t, int environments, const EnvironmentView* e, double* memory, double* energies,
                  double* products) {
  int most = 0;
  bool derivatives = false;
  for (int i = 0; i < environments; ++i) {
    most = e[i].neighbours > most ? e[i].neighbours : most;
    derivatives = derivatives || e[i].gradient;
  }
  const Layout w = layout(t, most, memory);
  double* dc = memory + w.size;
  const int lanes = padded(environments, kLanes);
  for (int i = 0; i < lanes; ++i) {
    if (i < environments) expand(t, e[i], w);
    double* c = w.c + i;
    for (int f = 0; f < t.functions; ++f) {
      const double* from = w.local + t.column[f];
      for (int lm = 0; lm < t.harmonics; ++lm, c += kBatch) *c = i < environments ? from[lm * t.columns] : 0.0;
    }
  }
  double energy[kBatch] __attribute__((aligned(64))) = {};
  for (int first = 0; first < lanes;) {
    const int left = (lanes - first) / kLanes;
    if (left >= 3) {
      middle<3>(t, w, first, derivatives, energy + first, products);
      if (derivatives) power_spectrum_back<3>(t, w.c + first, w.dp + first, dc + first);
      first += 3 * kLanes;
    } else if (left == 2) {
      middle<2>(t, w, first, derivatives, energy + first, products);
      if (derivatives) power_spectrum_back<2>(t, w.c + first, w.dp + first, dc + first);
      first += 2 * kLanes;
    } else {
      middle<1>(t, w, first, derivatives, energy + first, products);
      if (derivatives) power_spectrum_back<1>(t, w.c + first, w.dp + first, dc + first);
      first += kLanes;
    }
  }
  for (int i = 0; i < environments; ++i) energies[i] += energy[i];
  if (!derivatives) return;
  for (int i = 0; i < t.harmonics * t.columns; ++i) w.d_local[i] = 0.0;  // columns that are padding stay zero
  for (int i = 0; i < environments; ++i) {
    if (!e[i].gradient) continue;
    const double* d = dc + i;
    for (int f = 0; f < t.functions; ++f) {
      double* to = w.d_local + t.column[f];
      for (int lm = 0; lm < t.harmonics; ++lm, d += kBatch) to[lm * t.columns] = *d;
    }
    contract(t, e[i], w);
  }
}

// ---------------------------------------------------------------- rows of a design matrix

// Columns that are worked on together: eight neighbours times three axes.
constexpr int kGroup = kBatch / 3;

static unsigned long rows_scratch(const TermView& t, int most_neighbours) {
  const unsigned long functions = static_cast<unsigned long>(t.functions) * t.harmonics * kBatch;
  const unsigned long dimensions = static_cast<unsigned long>(t.dimensions) * kBatch;
  return layout(t, most_neighbours, nullptr).size + functions + 2 * dimensions + 2ul * t.points * kBatch +
         padded(t.points, kPad) * 2ul;
}

// The normalised power spectrum of one environment in lane 0 of [dimensions][kBatch]; returns 1 / |p|, or 0 where it
// is too short to be normalised.
static double one_descriptor(const TermView& t, const EnvironmentView& e, const Layout& w) {
  expand(t, e, w);
  double* c = w.c;
  for (int f = 0; f < t.functions; ++f) {
    const double* from = w.local + t.column[f];
    for (int lm = 0; lm < t.harmonics; ++lm, c += kBatch) {
      at(c) = zero();
      *c = from[lm * t.columns];
    }
  }
  power_spectrum<1>(t, w.c, w.p, w.norm);
  const double length = __builtin_sqrt(w.norm[0]);
  const bool normalised = !(length < t.smallest_norm || length == 0.0);
  const int used = t.pairs * (t.l_max + 1);
  for (int i = 0; i < t.dimensions; ++i) {
    double& q = w.p[i * kBatch];
    q = i < used ? (normalised ? q / length : q) : 0.0;
  }
  return normalised ? 1.0 / length : 0.0;
}

static void descriptor(const TermView& t, const EnvironmentView& e, double* memory, double* q) {
  const Layout w = layout(t, e.neighbours, memory);
  one_descriptor(t, e, w);
  for (int i = 0; i < t.pairs * (t.l_max + 1); ++i) q[i] = w.p[i * kBatch];
}

// dc[function][lm][column] of up to kGroup neighbours from `first` on: column 3 j + axis.
static void expansion_gradients(const TermView& t, const Neighbours& n, const Layout& w, int first, int count,
                                double* dc) {
  const long all = static_cast<long>(t.functions) * t.harmonics * kBatch;
  for (long i = 0; i < all; i += kLanes) at(dc + i) = zero();
  const long part = static_cast<long>(t.harmonics) * n.stride;
  for (int k = 0; k < count; ++k) {
    const int j = first + k;
    int block = 0;
    while (j >= n.first[block + 1]) ++block;
    const int size = t.block_size[block];
    radial<true>(t, block, n.r[j], w.functions, w.radial, w.d_radial);
    const double u[3] = {n.u[j], n.u[n.stride + j], n.u[2 * n.stride + j]};
    for (int f = 0; f < t.functions; ++f) {
      const int column = t.column[f] - t.block_first[block];
      if (column < 0 || column >= size) continue;
      double* out = dc + static_cast<long>(f) * t.harmonics * kBatch + 3 * k;
      for (int l = 0, lm = 0; l <= t.l_max; ++l) {
        const double R = w.radial[l * size + column] * n.inverse_r[j], slope = w.d_radial[l * size + column];
        for (int m = 0; m < 2 * l + 1; ++m, ++lm, out += kBatch) {
          const double* y = w.y + static_cast<long>(lm) * n.stride + j;
          const double g[3] = {y[part], y[2 * part], y[3 * part]};
          const double along = slope * y[0] - R * (u[0] * g[0] + u[1] * g[1] + u[2] * g[2]);
          for (int a = 0; a < 3; ++a) out[a] = along * u[a] + R * g[a];
        }
      }
    }
  }
}

// dq[component][column] from dc; c and q stand in lane 0.
static void descriptor_gradients(const TermView& t, const Layout& w, const double* dc, double inverse, double* dq) {
  constexpr int vectors = kBatch / kLanes;
  const long function = static_cast<long>(t.harmonics) * kBatch;
  Vector dot[vectors];
  for (int v = 0; v < vectors; ++v) dot[v] = zero();
  double* out = dq;
  for (int k = 0; k < t.pairs; ++k) {
    const long a = t.pair_first[k] * function, b = t.pair_second[k] * function;
    long i = 0;
    for (int l = 0; l <= t.l_max; ++l, out += kBatch) {
      Vector total[vectors];
      for (int v = 0; v < vectors; ++v) total[v] = zero();
      for (int m = 0; m < 2 * l + 1; ++m, i += kBatch) {
        const double ca = w.c[a + i], cb = w.c[b + i];
        for (int v = 0; v < vectors; ++v) {
          total[v] += ca * at(dc + b + i + v * kLanes) + cb * at(dc + a + i + v * kLanes);
        }
      }
      const double weight = t.weight[k * (t.l_max + 1) + l] * (inverse == 0.0 ? 1.0 : inverse);
      const double q = w.p[(out - dq)];
      for (int v = 0; v < vectors; ++v) {
        total[v] *= weight;
        dot[v] += q * total[v];
        at(out + v * kLanes) = total[v];
      }
    }
  }
  const int used = t.pairs * (t.l_max + 1);
  for (int i = 0; i < t.dimensions; ++i) {
    const double q = i < used && inverse != 0.0 ? w.p[i * kBatch] : 0.0;
    for (int v = 0; v < vectors; ++v) {
      Vector& d = at(dq + i * kBatch + v * kLanes);
      d = i < used ? d - q * dot[v] : zero();
    }
  }
}

static void rows(const TermView& t, const EnvironmentView& e, double* memory, const RowsView& out) {
  const Layout w = layout(t, e.neighbours, memory);
  double* dc = memory + w.size;
  double* dq = dc + static_cast<long>(t.functions) * t.harmonics * kBatch;
  double* products = dq + static_cast<long>(t.dimensions) * kBatch;
  double* slope = products + static_cast<long>(t.points) * kBatch;  // d k_m / d (q . s_m)
  double* column = slope + padded(t.points, kPad);
  const double inverse = one_descriptor(t, e, w);
  for (int m = 0; m < t.points; m += kRows) {
    block_product<1>(t.sparse + static_cast<long>(m) * t.dimensions, t.dimensions, t.dimensions, w.p,
                     products + static_cast<long>(m) * kBatch);
  }
  for (int m = 0; m < out.points; ++m) {
    const double k = products[static_cast<long>(m) * kBatch];
    double lower = 1.0;
    if (t.whole_zeta) {
      for (int i = 1; i < t.whole_zeta; ++i) lower *= k;
    } else {
      lower = k > 0 ? __builtin_pow(k, t.zeta - 1.0) : 0.0;
    }
    out.energy[out.first + m] += out.scale[m] * lower * k;
    slope[m] = out.scale[m] * t.zeta * lower;
  }
  if (!out.forces) return;
  const Neighbours n = sort_neighbours(t, e, w);
  harmonics<true>(t, n, w.y);
  for (int first = 0; first < n.count; first += kGroup) {
    const int count = n.count - first < kGroup ? n.count - first : kGroup;
    expansion_gradients(t, n, w, first, count, dc);
    descriptor_gradients(t, w, dc, inverse, dq);
    for (int m = 0; m < t.points; m += kRows) {
      for (int v = 0; v < kBatch; v += 3 * kLanes) {
        block_product<3>(t.sparse + static_cast<long>(m) * t.dimensions, t.dimensions, t.dimensions, dq + v,
                         products + static_cast<long>(m) * kBatch + v);
      }
    }
    for (int k = 0; k < count; ++k) {
      const int j = n.index[first + k];
      const double* r = e.vectors + 3 * j;
      for (int a = 0; a < 3; ++a) {
        for (int m = 0; m < out.points; ++m) column[m] = slope[m] * products[static_cast<long>(m) * kBatch + 3 * k + a];
        double* own = out.forces + (3l * out.centre + a) * out.columns + out.first;
        double* other = out.forces + (3l * out.neighbour[j] + a) * out.columns + out.first;
        // xx yy zz yz xz xy: the axis a and the three components of the vector, off the diagonal by halves.
        static const int place[3][3] = {{0, 5, 4}, {5, 1, 3}, {4, 3, 2}};
        for (int m = 0; m < out.points; ++m) own[m] += column[m];
        for (int m = 0; m < out.points; ++m) other[m] -= column[m];
        for (int b = 0; b < 3; ++b) {
          const double share = -r[b] * (a == b ? 1.0 : 0.5);
          double* virial = out.virial + place[a][b] * out.columns + out.first;
          for (int m = 0; m < out.points; ++m) virial[m] += share * column[m];
        }
      }
    }
  }
}

template <int vectors>
static void squares_of(int rows, int points, const double* factor, const double* x, double* out) {
  Vector total[vectors];
  for (int v = 0; v < vectors; ++v) total[v] = zero();
  double block[kRows * kBatch] __attribute__((aligned(64)));
  for (int i = 0; i < rows; i += kRows) {
    block_product<vectors>(factor + static_cast<long>(i) * points, points, points, x, block);
    for (int k = 0; k < kRows; ++k) {
      for (int v = 0; v < vectors; ++v) {
        const Vector y = at(block + k * kBatch + v * kLanes);
        total[v] += y * y;
      }
    }
  }
  for (int v = 0; v < vectors; ++v) {
    for (int i = 0; i < kLanes; ++i) out[v * kLanes + i] += total[v][i];
  }
}

static void squares(int rows, int points, const double* factor, const double* x, double* out) {
  static_assert(kBatch % (3 * kLanes) == 0, "a batch is whole groups of three vectors");
  for (int first = 0; first < kBatch; first += 3 * kLanes) squares_of<3>(rows, points, factor, x + first, out + first);
}

extern const Kernels kernels;
const Kernels kernels = {GAPGLASS_TEXT(GAPGLASS_LEVEL), scratch, batch, descriptor, rows_scratch, rows, squares};

}  // namespace GAPGLASS_LEVEL
}  // namespace gapglass
