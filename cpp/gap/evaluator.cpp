#include "evaluator.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <sstream>

#include "error.h"
#include "model.h"

namespace gapglass {
namespace {

constexpr double kClosest = 0.05;  // Å

// One centre of the environments, and its part of the gradients of all, if there are any.
EnvironmentView environment(const Environments& e, int centre, double* gradients) {
  const std::size_t begin = e.first[centre];
  return {e.first[centre + 1] - e.first[centre], e.vectors + 3 * begin, e.neighbour_species + begin,
          gradients ? gradients + 3 * begin : nullptr};
}

const Kernels* find_kernels(const std::string& level) {
#ifdef GAPGLASS_HAVE_AVX512
  if (level == "avx512") return &avx512::kernels;
#endif
#ifdef GAPGLASS_HAVE_AVX2
  if (level == "avx2") return &avx2::kernels;
#endif
  if (level == "plain") return &plain::kernels;
  return nullptr;
}

}  // namespace

std::vector<std::string> simd_levels() {
  std::vector<std::string> out;
#ifdef GAPGLASS_HAVE_AVX512
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
    out.push_back("avx512");
  }
#endif
#ifdef GAPGLASS_HAVE_AVX2
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) out.push_back("avx2");
#endif
  out.push_back("plain");
  return out;
}

std::string simd_level() {
  const auto levels = simd_levels();
  const char* forced = std::getenv("GAPGLASS_SIMD");
  if (!forced || !*forced) return levels.front();
  if (std::find(levels.begin(), levels.end(), forced) != levels.end()) return forced;
  std::string list;
  for (const auto& level : levels) list += (list.empty() ? "" : ", ") + level;
  throw Error(std::string("GAPGLASS_SIMD is ") + forced + "; this build has on this machine: " + list);
}

struct Evaluator::State {
  explicit State(const Potential& p) : potential(p), model(p.model()) {}

  Potential potential;  // keeps the model alive
  const Model& model;
  const Kernels* kernels = nullptr;
  std::string level;
  Aligned scratch, products, k;
  std::vector<double> distances;
  std::vector<int> centres;

  void check(const Environments& e);
  void pairs(const Environments& e, const Results& r);
  void many_body(const Environments& e, const Results& r);
  double prior_variance(const Environments& e, int centre);
  void variances(const Environments& e, const int* batch, int count, double* out);
  void two_body_column(const Environments& e, const TwoBody& t, int centre, double* column);
  void two_body_rows(const Environments& e, const TwoBody& t, const int* centre_atoms, const int* neighbour_atoms,
                     const Rows& out, long columns, long first);
};

// Distances of all neighbours.
void Evaluator::State::check(const Environments& e) {
  const int pairs = e.first[e.centres];
  distances.resize(pairs);
  const int species = static_cast<int>(model.elements.size());
  for (int i = 0; i < e.centres; ++i) {
    if (e.species[i] < 0 || e.species[i] >= species) throw Error("an atom has a species that the potential lacks");
    for (int p = e.first[i]; p < e.first[i + 1]; ++p) {
      const double* v = e.vectors + 3 * static_cast<std::size_t>(p);
      const double r = std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
      distances[p] = r;
      if (e.neighbour_species[p] < 0 || e.neighbour_species[p] >= species) {
        throw Error("a neighbour has a species that the potential lacks");
      }
      if (r >= kClosest && std::isfinite(r)) continue;
      std::ostringstream text;
      if (std::isfinite(r)) {
        text << "two atoms are " << r << " Å apart; a potential has no meaning below " << kClosest << " Å";
      } else {
        text << "the position of an atom is not a number";
      }
      throw Error(text.str());
    }
  }
}

// Two-body terms and the core. What QUIP counts for i-j and for j-i is an energy of i and one of j here.
void Evaluator::State::pairs(const Environments& e, const Results& r) {
  const std::size_t n = model.elements.size();
  for (int i = 0; i < e.centres; ++i) {
    double energy = 0;
    for (int p = e.first[i]; p < e.first[i + 1]; ++p) {
      const std::size_t pair = e.species[i] * n + e.neighbour_species[p];
      const double distance = distances[p];
      double value = 0, slope = 0;
      if (const Table* table = model.pair_table[pair].get(); table && distance < table->end()) {
        table->look_up(distance, &value, &slope);
      }
      if (model.has_core && distance < model.core[pair].end()) {
        double core = 0, core_slope = 0;
        model.core[pair].look_up(distance, &core, &core_slope);
        value += 0.5 * core;
        slope += 0.5 * core_slope;
      }
      energy += value;
      if (!r.gradients || slope == 0) continue;
      const double* v = e.vectors + 3 * static_cast<std::size_t>(p);
      double* g = r.gradients + 3 * static_cast<std::size_t>(p);
      for (int a = 0; a < 3; ++a) g[a] += slope / distance * v[a];
    }
    if (r.energies) r.energies[i] += energy;
  }
}

void Evaluator::State::many_body(const Environments& e, const Results& r) {
  for (std::size_t s = 0; s < model.elements.size(); ++s) {
    centres.clear();
    for (int i = 0; i < e.centres; ++i) {
      if (e.species[i] == static_cast<int>(s)) centres.push_back(i);
    }
    for (std::size_t first = 0; first < centres.size(); first += kBatch) {
      const int count = static_cast<int>(std::min<std::size_t>(kBatch, centres.size() - first));
      EnvironmentView views[kBatch];
      int most = 0;
      for (int k = 0; k < count; ++k) {
        views[k] = environment(e, centres[first + k], r.gradients);
        most = std::max(most, views[k].neighbours);
      }
      int rows = 0;
      if (r.variances) {
        k.at_least(static_cast<std::size_t>(model.variance[s].points) * kBatch);
        std::fill(k.data(), k.data() + static_cast<std::size_t>(model.variance[s].points) * kBatch, 0.0);
      }
      for (const TermOrder& o : model.order) {
        if (!o.many_body) {
          const TwoBody& t = model.two_body[o.index];
          if (!r.variances || (t.first != static_cast<int>(s) && t.second != static_cast<int>(s))) continue;
          for (int c = 0; c < count; ++c) {
            two_body_column(e, t, centres[first + c], k.data() + static_cast<std::size_t>(rows) * kBatch + c);
          }
          rows += static_cast<int>(t.points.size());
          continue;
        }
        const Term& t = *model.terms[o.index];
        if (t.descriptor.centre != model.elements[s]) continue;
        scratch.at_least(kernels->scratch(t.view, most));
        if (r.variances) products.at_least(static_cast<std::size_t>(t.view.points) * kBatch);
        double energies[kBatch] = {};
        kernels->batch(t.view, count, views, scratch.data(), energies, r.variances ? products.data() : nullptr);
        for (int c = 0; c < count && r.energies; ++c) r.energies[centres[first + c]] += energies[c];
        if (!r.variances) continue;
        for (std::size_t m = 0; m < t.scale.size(); ++m, ++rows) {
          for (int c = 0; c < count; ++c) {
            k[static_cast<std::size_t>(rows) * kBatch + c] = t.scale[m] * products[m * kBatch + c];
          }
        }
      }
      if (r.variances) variances(e, centres.data() + first, count, r.variances);
    }
  }
}

// Covariances of the energy that one two-body term gives an atom with the term's sparse points.
void Evaluator::State::two_body_column(const Environments& e, const TwoBody& t, int centre, double* column) {
  for (int p = e.first[centre]; p < e.first[centre + 1]; ++p) {
    const int a = std::min(e.species[centre], e.neighbour_species[p]), b = std::max(e.species[centre], e.neighbour_species[p]);
    if (a != t.first || b != t.second || distances[p] >= t.cutoff) continue;
    const double fade = t.delta * t.delta * cosine_cutoff(distances[p], t.cutoff, t.width);
    for (std::size_t m = 0; m < t.points.size(); ++m) {
      const double x = (distances[p] - t.points[m]) / t.theta;
      column[m * kBatch] += fade * t.sparse_cutoff[m] * std::exp(-0.5 * x * x);
    }
  }
}

// Covariances of energy, forces and virial with the sparse points of a two-body term, for i-j and for j-i.
void Evaluator::State::two_body_rows(const Environments& e, const TwoBody& t, const int* centre_atoms,
                                     const int* neighbour_atoms, const Rows& out, long columns, long first) {
  static const int place[3][3] = {{0, 5, 4}, {5, 1, 3}, {4, 3, 2}};
  const std::size_t points = t.points.size();
  std::vector<double> slope(points);
  for (int i = 0; i < e.centres; ++i) {
    for (int p = e.first[i]; p < e.first[i + 1]; ++p) {
      const int a = std::min(e.species[i], e.neighbour_species[p]), b = std::max(e.species[i], e.neighbour_species[p]);
      const double r = distances[p];
      if (a != t.first || b != t.second || r >= t.cutoff) continue;
      const double variance = t.delta * t.delta, fade = cosine_cutoff(r, t.cutoff, t.width);
      const double pi = std::acos(-1.0);
      const double d_fade = r <= t.cutoff - t.width ? 0.0 : -0.5 * pi / t.width * std::sin(pi * (r - t.cutoff + t.width) / t.width);
      for (std::size_t m = 0; m < points; ++m) {
        const double x = (r - t.points[m]) / t.theta, g = variance * t.sparse_cutoff[m] * std::exp(-0.5 * x * x);
        out.energy[first + m] += fade * g;
        slope[m] = (d_fade - fade * x / t.theta) * g;
      }
      if (!out.forces) continue;
      const double* v = e.vectors + 3 * static_cast<std::size_t>(p);
      for (int k = 0; k < 3; ++k) {
        const double u = v[k] / r;
        double* own = out.forces + (3l * centre_atoms[i] + k) * columns + first;
        double* other = out.forces + (3l * neighbour_atoms[p] + k) * columns + first;
        for (std::size_t m = 0; m < points; ++m) {
          own[m] += slope[m] * u;
          other[m] -= slope[m] * u;
        }
        for (int l = 0; l < 3; ++l) {
          const double share = -v[l] * u * (k == l ? 1.0 : 0.5);
          double* virial = out.virial + place[k][l] * columns + first;
          for (std::size_t m = 0; m < points; ++m) virial[m] += share * slope[m];
        }
      }
    }
  }
}

// k_**: the variance of a local energy before any label is known.
double Evaluator::State::prior_variance(const Environments& e, int centre) {
  double total = 0;
  for (const TermOrder& o : model.order) {
    if (o.many_body) {
      const Term& t = *model.terms[o.index];
      // The descriptor has length 1, so its covariance with itself is delta².
      if (t.descriptor.centre == model.elements[e.species[centre]]) total += t.delta * t.delta;
      continue;
    }
    const TwoBody& t = model.two_body[o.index];
    std::vector<double> r, fade;
    for (int p = e.first[centre]; p < e.first[centre + 1]; ++p) {
      const int a = std::min(e.species[centre], e.neighbour_species[p]), b = std::max(e.species[centre], e.neighbour_species[p]);
      if (a != t.first || b != t.second || distances[p] >= t.cutoff) continue;
      r.push_back(distances[p]);
      fade.push_back(cosine_cutoff(distances[p], t.cutoff, t.width));
    }
    for (std::size_t i = 0; i < r.size(); ++i) {
      for (std::size_t j = 0; j < r.size(); ++j) {
        const double x = (r[i] - r[j]) / t.theta;
        total += t.delta * t.delta * fade[i] * fade[j] * std::exp(-0.5 * x * x);
      }
    }
  }
  return total;
}

void Evaluator::State::variances(const Environments& e, const int* batch, int count, double* out) {
  const VarianceFactors& f = model.variance[e.species[batch[0]]];
  alignas(64) double known[kBatch] = {}, unknown[kBatch] = {};
  kernels->squares(f.prior_rows, f.points, f.prior.data(), k.data(), known);
  kernels->squares(f.posterior_rows, f.points, f.posterior.data(), k.data(), unknown);
  for (int c = 0; c < count; ++c) {
    // Rounding may carry a variance of nearly zero below zero.
    out[batch[c]] = std::max(0.0, prior_variance(e, batch[c]) - known[c] + unknown[c]);
  }
}

void Evaluator::rows(const Environments& e, const int* centre_atoms, const int* neighbour_atoms, const Rows& out) {
  State& s = *state_;
  if (e.centres == 0) return;
  s.check(e);
  const long columns = s.potential.columns();
  long first = 0;
  for (const TermOrder& o : s.model.order) {
    if (!o.many_body) {
      const TwoBody& t = s.model.two_body[o.index];
      s.two_body_rows(e, t, centre_atoms, neighbour_atoms, out, columns, first);
      first += static_cast<long>(t.points.size());
      continue;
    }
    const Term& t = *s.model.terms[o.index];
    for (int i = 0; i < e.centres; ++i) {
      if (s.model.elements[e.species[i]] != t.descriptor.centre) continue;
      const EnvironmentView view = environment(e, i, nullptr);
      s.scratch.at_least(s.kernels->rows_scratch(t.view, view.neighbours));
      s.kernels->rows(t.view, view, s.scratch.data(),
                      {t.scale.data(), static_cast<int>(t.scale.size()), columns, first, out.energy, out.forces,
                       out.virial, centre_atoms[i], neighbour_atoms + e.first[i]});
    }
    first += static_cast<long>(t.scale.size());
  }
}

std::vector<double> Evaluator::descriptors(const Environments& e, int term) {
  State& s = *state_;
  std::vector<double> out;
  if (e.centres == 0) return out;
  s.check(e);
  const Term& t = *s.model.terms.at(term);
  const std::size_t size = t.descriptor.weight.size();
  for (int i = 0; i < e.centres; ++i) {
    if (s.model.elements[e.species[i]] != t.descriptor.centre) continue;
    const EnvironmentView view = environment(e, i, nullptr);
    s.scratch.at_least(s.kernels->rows_scratch(t.view, view.neighbours));
    out.resize(out.size() + size);
    s.kernels->descriptor(t.view, view, s.scratch.data(), out.data() + out.size() - size);
  }
  return out;
}

Evaluator::Evaluator(const Potential& potential, const std::string& level) : state_(std::make_unique<State>(potential)) {
  const auto levels = simd_levels();
  if (std::find(levels.begin(), levels.end(), level) == levels.end()) {
    throw Error("this machine or this build lacks the SIMD level " + level);
  }
  state_->kernels = find_kernels(level);
  state_->level = level;
}

Evaluator::~Evaluator() = default;
Evaluator::Evaluator(Evaluator&&) noexcept = default;

const std::string& Evaluator::level() const { return state_->level; }

void Evaluator::compute(const Environments& e, const Results& r) {
  if (e.centres == 0) return;
  if (r.variances && state_->model.variance.empty()) {
    throw Error("the factors of the variance of " + state_->model.path + " have not been read");
  }
  state_->check(e);
  for (int i = 0; i < e.centres && r.energies; ++i) r.energies[i] = state_->model.e0[e.species[i]];
  if (r.gradients) std::fill(r.gradients, r.gradients + 3 * static_cast<std::size_t>(e.first[e.centres]), 0.0);
  state_->pairs(e, r);
  state_->many_body(e, r);
}

}  // namespace gapglass
