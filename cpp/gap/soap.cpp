// SOAP with a basis of Gaussians of the atoms' width.

#include <algorithm>
#include <cmath>
#include <sstream>

#include "descriptor.h"
#include "numbers.h"

namespace gapglass {
namespace {

struct Basis {
  Real alpha;                 // 1 / (2 sigma²)
  std::vector<Real> centres;  // Å
  Matrix root;                // Cholesky factor of the overlap with the weight r²
  Matrix transform;           // [centre][n]

  Basis(int n_max, Real sigma, Real cutoff) : alpha(1 / (2 * sigma * sigma)), centres(n_max) {
    // The centres go in equal steps from 0 up to where a density at the cutoff has fallen to 1e-10.
    const Real reach = cutoff + sigma * std::sqrt(2 * std::log(Real(1e10L)));
    for (int n = 0; n < n_max; ++n) centres[n] = n * reach / n_max;
    Matrix covariance(n_max * n_max), overlap(n_max * n_max, 0);
    for (int n = 0; n < n_max; ++n) {
      for (int m = 0; m < n_max; ++m) {
        covariance[n * n_max + m] = std::exp(-alpha * (centres[n] - centres[m]) * (centres[n] - centres[m]));
      }
    }
    const Real end = reach + 8 * sigma;
    const Quadrature q = gauss_legendre(40 + static_cast<int>(10 * end / sigma), 0, end);
    std::vector<Real> b(n_max);
    for (std::size_t k = 0; k < q.nodes.size(); ++k) {
      const Real r = q.nodes[k];
      for (int n = 0; n < n_max; ++n) b[n] = std::exp(-alpha * (r - centres[n]) * (r - centres[n]));
      for (int n = 0; n < n_max; ++n) {
        for (int m = 0; m < n_max; ++m) overlap[n * n_max + m] += q.weights[k] * r * r * b[n] * b[m];
      }
    }
    root = cholesky(overlap, n_max);
    transform = solve(covariance, root, n_max);
  }
};

}  // namespace

ManyBody soap(const Arguments& a, TableCache& cache) {
  ManyBody out;
  out.species = a.species();
  const int species = static_cast<int>(out.species.size());
  out.centre = a.whole("Z", 1, 118);
  out.l_max = a.whole("l_max", 0, kMaxDegree);
  const int n_max = a.whole("n_max", 1, 30);
  const double sigma = a.number("atom_sigma");
  const double cutoff = a.number("cutoff"), width = a.number("cutoff_transition_width", 0.5);
  const double weight = a.number("central_weight", 1.0);
  if (!(sigma > 0 && cutoff > 0 && width > 0 && width <= cutoff)) {
    a.refuse("atom_sigma, cutoff and cutoff_transition_width have to be positive");
  }
  out.cutoff = cutoff;
  out.n_max.assign(species, n_max);
  const Basis basis(n_max, sigma, cutoff);
  std::ostringstream key;
  key.precision(17);
  key << "soap " << n_max << ' ' << out.l_max << ' ' << sigma << ' ' << cutoff << ' ' << width;
  auto& table = cache[key.str()];
  const int padded = (n_max + kPad - 1) / kPad * kPad, l_max = out.l_max;
  if (!table) {
    std::vector<Real> bessel(l_max + 1);
    auto functions = [&](double r, double* values) {
      const Real pi = std::acos(Real(-1));
      Real fade = 1;
      if (r >= cutoff) {
        fade = 0;
      } else if (r > cutoff - width) {
        fade = (std::cos(pi * (r - cutoff + width) / width) + 1) / 2;
      }
      std::vector<Real> total((l_max + 1) * padded, 0);
      for (int i = 0; i < n_max; ++i) {
        const Real distance = r - basis.centres[i], g = std::exp(-basis.alpha * distance * distance);
        scaled_bessel(2 * basis.alpha * r * basis.centres[i], l_max, bessel.data());
        for (int l = 0; l <= l_max; ++l) {
          const Real f = g * bessel[l];
          for (int n = 0; n < n_max; ++n) total[l * padded + n] += f * basis.transform[i * n_max + n];
        }
      }
      for (int i = 0; i < (l_max + 1) * padded; ++i) values[i] = static_cast<double>(fade * total[i]);
    };
    table = std::make_shared<Table>((l_max + 1) * padded, std::vector<double>{0.0, cutoff - width, cutoff},
                                    std::min(sigma, width), functions);
  }
  out.central.resize(species);
  for (int s = 0; s < species; ++s) {
    out.tables.push_back(table);
    out.central[s].assign(n_max, 0.0);
    if (species > 1 && out.species[s] != out.centre) continue;
    for (int n = 0; n < n_max; ++n) {
      out.central[s][n] = static_cast<double>(weight * basis.root[n] / std::sqrt(4 * std::acos(Real(-1))));
    }
  }
  for (int i = 0; i < species * n_max; ++i) {
    for (int j = 0; j <= i; ++j) {
      out.pairs.emplace_back(i, j);
      for (int l = 0; l <= l_max; ++l) {
        out.weight.push_back((i == j ? 1.0 : std::sqrt(2.0)) / std::sqrt(2.0 * l + 1.0));
      }
    }
  }
  out.dimensions = static_cast<int>(out.weight.size()) + 1;  // the last one is zero
  return out;
}

}  // namespace gapglass
