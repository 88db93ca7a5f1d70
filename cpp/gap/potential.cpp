#include "potential.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <sstream>

#include "error.h"
#include "gap_file.h"
#include "model.h"
#include "xml.h"

namespace gapglass {
namespace {

int padded(int n) { return (n + kPad - 1) / kPad * kPad; }

// A number that the descriptor's text and an attribute state both.
void compare(const Arguments& a, const std::string& key, double stated) {
  if (!a.has(key)) return;
  const double written = a.number(key);
  if (std::fabs(written - stated) > 1e-6 * std::fabs(stated)) {
    a.refuse(key + "=" + a.word(key) + ", but the attributes of the term say " + std::to_string(stated) +
             "; the file contradicts itself");
  }
}

TwoBody read_two_body(const GapTerm& g, const Arguments& a, const std::vector<int>& elements) {
  if (g.covariance_type != 1 || g.dimensions != 1) a.refuse("only the covariance ard_se is implemented");
  a.require("covariance_type", "ard_se");
  compare(a, "theta_uniform", g.theta);
  TwoBody out;
  auto species = [&](int z) { return static_cast<int>(std::find(elements.begin(), elements.end(), z) - elements.begin()); };
  const int z1 = species(a.whole("Z1", 1, 118)), z2 = species(a.whole("Z2", 1, 118));
  out.first = std::min(z1, z2);
  out.second = std::max(z1, z2);
  out.cutoff = a.number("cutoff");
  out.width = a.number("cutoff_transition_width", 0.5);
  if (!(out.cutoff > 0 && out.width > 0 && out.width <= out.cutoff)) a.refuse("cutoff and its transition width have to be positive");
  out.delta = g.delta;
  out.theta = g.theta;
  out.points = g.points;
  out.alpha = g.alpha;
  out.sparse_cutoff = g.cutoff;
  return out;
}

std::unique_ptr<Term> make_term(const GapTerm& g, const Arguments& a, ManyBody descriptor,
                                const std::vector<int>& elements) {
  if (g.covariance_type != 2) a.refuse("only the covariance dot_product is implemented");
  a.require("covariance_type", "dot_product");
  compare(a, "zeta", g.zeta);
  auto out = std::make_unique<Term>();
  Term& t = *out;
  t.descriptor = std::move(descriptor);
  const ManyBody& d = t.descriptor;
  if (g.dimensions != d.dimensions) {
    throw Error(g.where + ": dimensions is " + std::to_string(g.dimensions) + ", but the descriptor has " +
                std::to_string(d.dimensions) + " components");
  }
  TermView& v = t.view;
  v.species = static_cast<int>(elements.size());
  t.block_of.assign(elements.size(), -1);
  v.blocks = static_cast<int>(d.species.size());
  for (int b = 0; b < v.blocks; ++b) {
    const auto at = std::find(elements.begin(), elements.end(), d.species[b]) - elements.begin();
    if (t.block_of[at] >= 0) a.refuse("species_Z names an element twice");
    t.block_of[at] = b;
    t.block_first.push_back(v.columns);
    t.block_size.push_back(padded(d.n_max[b]));
    t.tables.push_back(d.tables[b]->view());
    for (int n = 0; n < d.n_max[b]; ++n) t.column.push_back(v.columns + n);
    v.columns += padded(d.n_max[b]);
  }
  t.central.resize(v.columns);
  for (int b = 0; b < v.blocks; ++b) {
    for (int n = 0; n < d.n_max[b]; ++n) t.central[t.block_first[b] + n] = d.central[b][n];
  }
  for (const auto& [first, second] : d.pairs) {
    t.pair_first.push_back(first);
    t.pair_second.push_back(second);
  }
  t.weight.resize(d.weight.size());
  std::copy(d.weight.begin(), d.weight.end(), t.weight.data());
  const int used = static_cast<int>(d.weight.size()), points = static_cast<int>(g.alpha.size());
  v.dimensions = padded(used);
  v.points = padded(points);
  t.sparse.resize(static_cast<std::size_t>(v.points) * v.dimensions);
  t.coefficient.resize(v.points);
  for (int m = 0; m < points; ++m) {
    const double* from = g.points.data() + static_cast<std::size_t>(m) * g.dimensions;
    std::copy(from, from + used, t.sparse.data() + static_cast<std::size_t>(m) * v.dimensions);
    t.scale.push_back(g.delta * g.delta * g.cutoff[m]);
    t.coefficient[m] = t.scale[m] * g.alpha[m];
  }
  t.harmonic_norm.resize((d.l_max + 1) * (d.l_max + 1));
  for (int l = 0; l <= d.l_max; ++l) {
    for (int m = 0; m <= l; ++m) {
      double ratio = 1;  // (l - m)! / (l + m)!
      for (int k = l - m + 1; k <= l + m; ++k) ratio /= k;
      t.harmonic_norm[l * (d.l_max + 1) + m] = std::sqrt((2 * l + 1) / (4 * std::acos(-1.0)) * ratio * (m ? 2 : 1));
    }
  }
  v.block_of = t.block_of.data();
  v.block_first = t.block_first.data();
  v.block_size = t.block_size.data();
  v.tables = t.tables.data();
  v.separable = d.separable;
  v.l_max = d.l_max;
  v.harmonics = (d.l_max + 1) * (d.l_max + 1);
  v.central = t.central.data();
  v.functions = static_cast<int>(t.column.size());
  v.column = t.column.data();
  v.pairs = static_cast<int>(d.pairs.size());
  v.pair_first = t.pair_first.data();
  v.pair_second = t.pair_second.data();
  v.weight = t.weight.data();
  v.smallest_norm = d.smallest_norm;
  v.sparse = t.sparse.data();
  v.coefficient = t.coefficient.data();
  v.zeta = g.zeta;
  v.whole_zeta = g.zeta == std::floor(g.zeta) && g.zeta >= 1 && g.zeta <= 16 ? static_cast<int>(g.zeta) : 0;
  if (!(g.zeta >= 1)) a.refuse("zeta below 1 is not implemented");
  v.harmonic_norm = t.harmonic_norm.data();
  t.delta = g.delta;
  return out;
}

// One table for each pair of species, of the sum of its terms; it counts for i-j and for j-i, as QUIP does.
void tabulate_two_body(Model& m) {
  const std::size_t n = m.elements.size();
  m.pair_table.resize(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i; j < n; ++j) {
      std::vector<const TwoBody*> here;
      std::set<double> breaks = {0.0};
      double width = 1e9;
      for (const TwoBody& t : m.two_body) {
        if (t.first != static_cast<int>(i) || t.second != static_cast<int>(j)) continue;
        here.push_back(&t);
        breaks.insert(t.cutoff - t.width);
        breaks.insert(t.cutoff);
        width = std::min({width, t.theta, t.width});
      }
      if (here.empty()) continue;
      auto energy = [&](double r, double* value) {
        *value = 0;
        for (const TwoBody* t : here) {
          // Large terms cancel here, and what rounding leaves would be amplified in the slopes of the polynomials.
          long double total = 0;
          for (std::size_t k = 0; k < t->points.size(); ++k) {
            const long double x = (static_cast<long double>(r) - t->points[k]) / t->theta;
            total += static_cast<long double>(t->alpha[k]) * t->sparse_cutoff[k] * std::exp(-0.5L * x * x);
          }
          *value += static_cast<double>(cosine_cutoff(r, t->cutoff, t->width) * t->delta * t->delta * total);
        }
      };
      for (std::size_t k : {i * n + j, j * n + i}) {
        m.pair_table[k] = std::make_unique<Table>(1, std::vector<double>(breaks.begin(), breaks.end()), width, energy);
      }
    }
  }
}

}  // namespace

int descriptor_components(const std::string& text) {
  const Arguments a(text, "descriptor");
  TableCache cache;
  if (a.name() != "soap" && a.name() != "soap_turbo") a.refuse("it is no many-body descriptor that the engine implements");
  return a.name() == "soap" ? soap(a, cache).dimensions : soap_turbo(a, cache).dimensions;
}

double cosine_cutoff(double r, double cutoff, double width) {
  if (r >= cutoff) return 0.0;
  if (r <= cutoff - width) return 1.0;
  return 0.5 * (std::cos(std::acos(-1.0) * (r - cutoff + width) / width) + 1.0);
}

Potential Potential::read(const std::string& path) {
  const GapFile file = read_gap_file(path);
  auto model = std::make_shared<Model>();
  Model& m = *model;
  m.path = path;
  m.label = file.label;
  if (file.terms.empty()) throw Error(path + " has no terms");

  // The elements of all terms first: species are indices into their list.
  std::vector<Arguments> arguments;
  std::vector<ManyBody> descriptors(file.terms.size());
  std::set<int> elements;
  TableCache cache;
  for (std::size_t k = 0; k < file.terms.size(); ++k) {
    const GapTerm& g = file.terms[k];
    arguments.emplace_back(g.descriptor, g.where);
    const Arguments& a = arguments.back();
    compare(a, "delta", g.delta);
    compare(a, "f0", 0.0);
    if (a.name() == "distance_2b") {
      elements.insert(a.whole("Z1", 1, 118));
      elements.insert(a.whole("Z2", 1, 118));
      m.cutoff = std::max(m.cutoff, a.number("cutoff"));
    } else if (a.name() == "soap_turbo" || a.name() == "soap") {
      descriptors[k] = a.name() == "soap" ? soap(a, cache) : soap_turbo(a, cache);
      elements.insert(descriptors[k].centre);
      elements.insert(descriptors[k].species.begin(), descriptors[k].species.end());
      m.cutoff = std::max(m.cutoff, descriptors[k].cutoff);
    } else {
      a.refuse("the engine implements soap, soap_turbo and distance_2b");
    }
  }
  for (const auto& [pair, spline] : file.core) {
    elements.insert({pair.first, pair.second});
    m.cutoff = std::max(m.cutoff, spline.end());
  }
  m.elements.assign(elements.begin(), elements.end());
  const std::size_t n = m.elements.size();
  for (int z : m.elements) {
    const auto found = file.e0.find(z);
    if (found == file.e0.end()) throw Error(path + ": e0 of Z " + std::to_string(z) + " is absent");
    m.e0.push_back(found->second);
  }
  for (std::size_t k = 0; k < file.terms.size(); ++k) {
    const Arguments& a = arguments[k];
    if (a.name() == "distance_2b") {
      m.order.push_back({false, static_cast<int>(m.two_body.size())});
      m.two_body.push_back(read_two_body(file.terms[k], a, m.elements));
    } else {
      m.order.push_back({true, static_cast<int>(m.terms.size())});
      m.terms.push_back(make_term(file.terms[k], a, std::move(descriptors[k]), m.elements));
    }
    a.finish();
  }
  tabulate_two_body(m);
  m.core.resize(n * n);
  for (const auto& [pair, spline] : file.core) {
    const std::size_t i = std::find(m.elements.begin(), m.elements.end(), pair.first) - m.elements.begin();
    const std::size_t j = std::find(m.elements.begin(), m.elements.end(), pair.second) - m.elements.begin();
    m.core[i * n + j] = m.core[j * n + i] = spline;
    m.has_core = true;
  }
  Potential out;
  out.model_ = std::move(model);
  return out;
}

double Potential::cutoff() const { return model_->cutoff; }
const std::vector<int>& Potential::elements() const { return model_->elements; }

int Potential::species(int atomic_number) const {
  const auto& e = model_->elements;
  const auto found = std::find(e.begin(), e.end(), atomic_number);
  return found == e.end() ? -1 : static_cast<int>(found - e.begin());
}

double Potential::isolated_atom_energy(int species) const { return model_->e0[species]; }

int Potential::sparse_points(int species) const {
  int total = 0;
  for (const auto& t : model_->terms) {
    if (t->descriptor.centre == model_->elements[species]) total += static_cast<int>(t->scale.size());
  }
  return total;
}

int Potential::columns() const {
  std::size_t total = 0;
  for (const auto& t : model_->terms) total += t->scale.size();
  for (const auto& t : model_->two_body) total += t.points.size();
  return static_cast<int>(total);
}

int Potential::many_body_terms() const { return static_cast<int>(model_->terms.size()); }
int Potential::centre(int term) const { return species(model_->terms.at(term)->descriptor.centre); }
int Potential::components(int term) const { return static_cast<int>(model_->terms.at(term)->descriptor.weight.size()); }

bool Potential::has_variance() const { return !model_->variance.empty(); }

void Potential::read_variance(const std::string& path) {
  const std::string text = read_file(path);
  std::size_t at = 0;
  auto bad = [&](const std::string& what) { return Error(path + ": " + what); };
  // A line of the head is `key value ...`.
  auto line = [&](const std::string& key) {
    const auto end = text.find('\n', at);
    std::string out = end == std::string::npos ? "" : text.substr(at, end - at);
    if (out.compare(0, key.size() + 1, key + " ") != 0) throw bad("\"" + key + "\" is expected; the file is damaged or no file of factors");
    at = end + 1;
    return out.substr(key.size() + 1);
  };
  if (line("gapglass-variance") != "1") throw bad("its version is unknown");
  if (const std::string label = line("label"); label != model_->label) {
    throw bad("it belongs to the potential " + label + ", not to " + model_->label + " of " + model_->path);
  }
  std::vector<VarianceFactors> factors(model_->elements.size());
  for (std::size_t s = 0; s < model_->elements.size(); ++s) {
    int expected = 0;
    for (const auto& t : model_->terms) {
      if (t->descriptor.centre == model_->elements[s]) expected += static_cast<int>(t->scale.size());
    }
    for (const auto& t : model_->two_body) {
      if (t.first == static_cast<int>(s) || t.second == static_cast<int>(s)) expected += static_cast<int>(t.points.size());
    }
    std::istringstream words(line("species"));
    int z = 0, points = 0, prior = 0, posterior = 0;
    words >> z >> points >> prior >> posterior;
    if (!words || z != model_->elements[s] || points != expected || prior < 0 || posterior < 0) {
      throw bad("the factors of species " + std::to_string(s + 1) + " do not fit the sparse points of " + model_->path);
    }
    VarianceFactors& f = factors[s];
    f.points = points;
    f.prior_rows = padded(prior);
    f.posterior_rows = padded(posterior);
    f.prior.resize(static_cast<std::size_t>(f.prior_rows) * points);
    f.posterior.resize(static_cast<std::size_t>(f.posterior_rows) * points);
    for (auto [rows, matrix] : {std::make_pair(prior, &f.prior), std::make_pair(posterior, &f.posterior)}) {
      const std::size_t bytes = static_cast<std::size_t>(rows) * points * sizeof(double);
      if (text.size() - at < bytes) throw bad("it ends too early");
      std::memcpy(matrix->data(), text.data() + at, bytes);
      at += bytes;
      for (std::size_t i = 0; i < matrix->size(); ++i) {
        if (!std::isfinite((*matrix)[i])) throw bad("a factor has a number that is not finite");
      }
    }
  }
  if (at != text.size()) throw bad("something is left unread at its end");
  // Others may hold this potential too, so they keep the model that they have.
  auto model = std::const_pointer_cast<Model>(std::shared_ptr<const Model>(model_));
  model->variance = std::move(factors);
}

}  // namespace gapglass
