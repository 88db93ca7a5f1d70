// soap_turbo with the basis poly3gauss. Lengths are in units of rcut_hard inside: x = r / rcut_hard.

#include <algorithm>
#include <cmath>
#include <sstream>

#include "descriptor.h"
#include "numbers.h"

namespace gapglass {
namespace {

constexpr Real kFilter = 4;  // between the cutoffs the density is multiplied by a Gaussian of width (1 - soft) / 4

struct Radial {
  int n_max, l_max, enhancement;
  double sigma_r, sigma_t, soft, hard, amplitude;

  std::string key() const {
    std::ostringstream out;
    out.precision(17);
    out << "soap_turbo " << n_max << ' ' << l_max << ' ' << enhancement << ' ' << sigma_r << ' ' << sigma_t << ' '
        << soft << ' ' << hard << ' ' << amplitude;
    return out.str();
  }
};

Real power_norm(int n) { return std::sqrt(Real(2 * n + 5)); }  // of (1 - x)^(n + 2) on [0, 1]

Real gaussian_norm(Real s) { return std::sqrt(2 / s) / std::pow(std::acos(Real(-1)), Real(0.25)); }

// The basis at x: (1 - x)^(n + 2) for n = 1 ... n_max - 1, then a Gaussian at the origin.
void basis(int n_max, Real s, Real x, Real* out) {
  for (int n = 1; n < n_max; ++n) out[n - 1] = power_norm(n) * std::pow(1 - x, n + 2);
  out[n_max - 1] = gaussian_norm(s) * std::exp(-(x / s) * (x / s) / 2);
}

// At n_max 8 the smallest eigenvalue is 2e-11, so that the rounding of the entries to double precision already moves
// energies by 1e-7 eV/atom. QUIP works in double precision, and this order of operations comes closest to it.
Matrix overlap(int n_max, Real s) {
  Matrix S(n_max * n_max, 0);
  const Quadrature q = gauss_legendre(200, 0, 1);
  std::vector<Real> b(n_max);
  for (int n = 1; n < n_max; ++n) {
    for (int m = 1; m < n_max; ++m) {
      S[(n - 1) * n_max + m - 1] = std::sqrt(static_cast<double>((2 * n + 5) * (2 * m + 5))) / (n + m + 5);
    }
  }
  for (std::size_t k = 0; k < q.nodes.size(); ++k) {
    basis(n_max, s, q.nodes[k], b.data());
    for (int n = 0; n + 1 < n_max; ++n) S[n * n_max + n_max - 1] += q.weights[k] * b[n] * b[n_max - 1];
  }
  for (int n = 0; n + 1 < n_max; ++n) {
    const Real rounded = static_cast<double>(S[n * n_max + n_max - 1]);
    S[n * n_max + n_max - 1] = S[(n_max - 1) * n_max + n] = rounded;
  }
  S[n_max * n_max - 1] = 1;  // the Gaussian is normalised on [0, infinity)
  return S;
}

// QUIP integrates (1 - y)^k by parts, one power after the other, and leaves out the boundary term at the hard cutoff,
// up to 1e-6 of a radial function close to rcut_soft; potentials are fitted with it. The errors e_k obey e_0 = 0,
// e_1 = -v g(1), e_(k+1) = (1 - m) e_k + k v e_(k-1), where the Gaussian of the neighbour times that of the filter is
// a Gaussian g of mean m and variance v.
void add_missing_boundary_term(int n_max, Real x, Real s, Real soft, Real* out) {
  const Real filter = ((1 - soft) / kFilter) * ((1 - soft) / kFilter), total = s * s + filter;
  const Real v = s * s * filter / total, m = (s * s * soft + filter * x) / total;
  const Real weight = std::exp(-(soft - x) * (soft - x) / total / 2);
  Real before = 0, now = -v * std::exp(-(1 - m) * (1 - m) / v / 2);
  for (int k = 1; k <= n_max; ++k) {
    const Real next = (1 - m) * now + k * v * before;
    before = now;
    now = next;
    if (k >= 2) out[k - 2] += weight * power_norm(k - 1) * now;  // now is e_(k + 1), that of n = k - 1
  }
}

class RadialFunctions {
 public:
  explicit RadialFunctions(const Radial& p) : p_(p), s_(p.sigma_r / Real(p.hard)), soft_(p.soft / Real(p.hard)) {
    root_ = inverse_root(overlap(p.n_max, s_), p.n_max);
    inner_ = prepared(0, soft_);
    if (soft_ < 1) outer_ = prepared(soft_, 1);
  }

  // R_n and F_l at a distance r.
  void operator()(double r, double* out) const {
    const int n_max = p_.n_max;
    const Real x = r / Real(p_.hard), pi = std::acos(Real(-1));
    std::vector<Real> T(n_max, 0);
    add(inner_, x, false, T.data());
    if (soft_ < 1 && soft_ - x < 4 * s_) {
      add(outer_, x, true, T.data());
      std::vector<Real> missing(n_max, 0);
      add_missing_boundary_term(n_max, x, s_, soft_, missing.data());
      for (int n = 0; n < n_max; ++n) {
        for (int k = 0; k + 1 < n_max; ++k) T[n] += root_[n * n_max + k] * missing[k];
      }
    }
    // With the Gaussian of the basis: the integral over [0, infinity) without filter, zero from x = 8 s on.
    if (x < 8 * s_) {
      const Real last = gaussian_norm(s_) * std::exp(-(x / s_) * (x / s_) / 4) * std::sqrt(pi) * s_ / 2 *
                        (1 + std::erf(x / (2 * s_)));
      for (int n = 0; n < n_max; ++n) T[n] += root_[n * n_max + n_max - 1] * last;
    }
    const Real envelope = 1 + 2 * x * x * x - 3 * x * x;
    Real amplitude = envelope <= Real(1e-10) ? 0 : std::pow(envelope, Real(p_.amplitude)) / s_;
    if (p_.enhancement == 1) amplitude *= x + std::sqrt(2 / pi) * s_;
    if (p_.enhancement == 2) amplitude *= x * x + s_ * s_ + std::sqrt(8 / pi) * s_ * x;
    for (int n = 0; n < n_max; ++n) out[n] = static_cast<double>(std::sqrt(Real(p_.hard)) * amplitude * T[n]);
    // The angular parts stand behind the radial ones, which are padded.
    double* F = out + (n_max + kPad - 1) / kPad * kPad;
    for (int n = n_max; out + n < F; ++n) out[n] = 0;
    std::vector<Real> bessel(p_.l_max + 1);
    const Real ratio = r / Real(p_.sigma_t), scale = p_.hard / Real(p_.sigma_t);
    scaled_bessel(ratio * ratio, p_.l_max, bessel.data());
    for (int l = 0; l <= p_.l_max; ++l) F[l] = static_cast<double>(4 * pi * scale * scale * bessel[l]);
  }

  // What the centre's own Gaussian adds to l = 0.
  std::vector<double> central(double weight) const {
    const Real sr = p_.sigma_r, st = p_.sigma_t, hard = p_.hard, pi = std::acos(Real(-1));
    Real amplitude = 1;
    if (p_.enhancement == 1) amplitude = std::sqrt(2 / pi) * sr / hard;
    if (p_.enhancement == 2) amplitude = (sr / hard) * (sr / hard);
    const Real scale = weight * amplitude * std::sqrt(2 * pi) * std::pow(pi, Real(0.25)) * hard * hard * hard /
                       (st * st * std::sqrt(sr));
    const Matrix S = overlap(p_.n_max, s_);
    std::vector<double> out(p_.n_max);
    for (int n = 0; n < p_.n_max; ++n) {
      Real total = 0;
      for (int k = 0; k < p_.n_max; ++k) total += root_[n * p_.n_max + k] * S[k * p_.n_max + p_.n_max - 1];
      out[n] = static_cast<double>(scale * total);
    }
    return out;
  }

 private:
  struct Prepared {
    std::vector<Real> nodes, values;  // values[node][n]: orthonormalised basis without the Gaussian, times weights
  };

  Prepared prepared(Real lower, Real upper) const {
    const int n_max = p_.n_max;
    const Quadrature q = gauss_legendre(40 + static_cast<int>(10 * (upper - lower) / s_), lower, upper);
    Prepared out;
    out.nodes = q.nodes;
    std::vector<Real> b(n_max);
    for (std::size_t k = 0; k < q.nodes.size(); ++k) {
      basis(n_max, s_, q.nodes[k], b.data());
      for (int n = 0; n < n_max; ++n) {
        Real total = 0;
        for (int i = 0; i + 1 < n_max; ++i) total += root_[n * n_max + i] * b[i];
        out.values.push_back(q.weights[k] * total);
      }
    }
    return out;
  }

  void add(const Prepared& nodes, Real x, bool filtered, Real* T) const {
    for (std::size_t k = 0; k < nodes.nodes.size(); ++k) {
      const Real y = nodes.nodes[k];
      Real exponent = (y - x) / s_ * ((y - x) / s_);
      if (filtered) exponent += (kFilter * (y - soft_) / (1 - soft_)) * (kFilter * (y - soft_) / (1 - soft_));
      const Real g = std::exp(-exponent / 2);
      for (int n = 0; n < p_.n_max; ++n) T[n] += g * nodes.values[k * p_.n_max + n];
    }
  }

  Radial p_;
  Real s_, soft_;
  Matrix root_;
  Prepared inner_, outer_;
};

}  // namespace

ManyBody soap_turbo(const Arguments& a, TableCache& cache) {
  ManyBody out;
  out.species = a.species();
  const int species = static_cast<int>(out.species.size());
  out.l_max = a.whole("l_max", 0, kMaxDegree);
  a.require("basis", "poly3gauss");
  a.require("scaling_mode", "polynomial");
  for (const char* key : {"atom_sigma_r_scaling", "atom_sigma_t_scaling"}) {
    if (!a.has(key)) continue;
    for (double v : a.list(key, species)) {
      if (v != 0) a.refuse(std::string(key) + " other than 0 is not implemented");
    }
  }
  const std::string compress = a.word("compress_mode", "none");
  if (compress != "trivial" && compress != "none") a.refuse("compress_mode=" + compress + " is not implemented (trivial is)");
  for (double n : a.list("alpha_max", species)) {
    if (n != std::floor(n) || n < 1 || n > 8) {
      a.refuse("alpha_max above 8 is refused: poly3gauss is then linearly dependent to rounding (smallest eigenvalue of "
               "the overlap 2e-11 at 8, 2e-15 at 10, negative at 12) and no two programs agree on its energy");
    }
    out.n_max.push_back(static_cast<int>(n));
  }
  const auto sigma_r = a.list("atom_sigma_r", species), sigma_t = a.list("atom_sigma_t", species);
  const auto amplitude = a.list("amplitude_scaling", species), weight = a.list("central_weight", species);
  const double soft = a.number("rcut_soft"), hard = a.number("rcut_hard");
  if (!(soft > 0 && soft <= hard)) a.refuse("rcut_soft has to lie between 0 and rcut_hard");
  const int enhancement = a.has("radial_enhancement") ? a.whole("radial_enhancement", 0, 2) : 0;
  const int centre = a.has("central_index") ? a.whole("central_index", 1, species) : 1;
  out.centre = out.species[centre - 1];
  out.cutoff = hard;
  out.separable = true;
  out.smallest_norm = 1e-5;
  out.central.resize(species);
  int total = 0;
  std::vector<bool> pivot;
  for (int s = 0; s < species; ++s) {
    if (!(sigma_r[s] > 0 && sigma_t[s] > 0)) a.refuse("atom_sigma_r and atom_sigma_t have to be positive");
    const Radial radial{out.n_max[s], out.l_max, enhancement, sigma_r[s], sigma_t[s], soft, hard, amplitude[s]};
    const RadialFunctions functions(radial);
    auto& table = cache[radial.key()];
    if (!table) {
      // The filter begins where soft - x = 4 s, the Gaussian of the basis ends at 8 s, and the envelope is cut where
      // it falls below 1e-10.
      std::vector<double> breaks = {0.0};
      for (double b : {soft - 4 * sigma_r[s], 8 * sigma_r[s]}) {
        if (b > 1e-6 && b < hard - 1e-4) breaks.push_back(b);
      }
      std::sort(breaks.begin(), breaks.end());
      const double near = std::sqrt(1e-10 / 3);  // 3 u² - 2 u³ = 1e-10 for u = 1 - x, in two steps
      breaks.push_back(hard * (1 - std::sqrt(1e-10 / (3 - 2 * near)) - 1e-15));
      const double width = std::min({sigma_r[s], sigma_t[s], soft < hard ? hard - soft : hard});
      table = std::make_shared<Table>((radial.n_max + kPad - 1) / kPad * kPad + out.l_max + 1, breaks, width,
                                      [&](double r, double* values) { functions(r, values); });
    }
    out.tables.push_back(table);
    out.central[s].assign(out.n_max[s], 0.0);
    if (s == centre - 1) out.central[s] = functions.central(weight[s]);
    for (int n = 0; n < out.n_max[s]; ++n) pivot.push_back(n == 0);
    total += out.n_max[s];
  }
  for (int n = 0; n < total; ++n) {
    for (int m = n; m < total; ++m) {
      if (compress == "trivial" && !pivot[n] && !pivot[m]) continue;
      out.pairs.emplace_back(n, m);
      for (int l = 0; l <= out.l_max; ++l) out.weight.push_back(n == m ? 1.0 : std::sqrt(2.0));
    }
  }
  out.dimensions = static_cast<int>(out.weight.size());
  return out;
}

}  // namespace gapglass
