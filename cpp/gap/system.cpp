#include "system.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "error.h"

namespace gapglass {
namespace {

struct Vector3 {
  double v[3] = {0, 0, 0};
  double& operator[](int i) { return v[i]; }
  double operator[](int i) const { return v[i]; }
};

Vector3 cross(const Vector3& a, const Vector3& b) {
  return {{a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]}};
}
double dot(const Vector3& a, const Vector3& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
double length(const Vector3& a) { return std::sqrt(dot(a, a)); }

// Cell vectors; those along axes that are not periodic are replaced by unit vectors across the periodic ones.
struct Cell {
  Vector3 axis[3];
  Vector3 reciprocal[3];  // dot(reciprocal[i], axis[j]) = 1 for i = j, else 0

  Cell(const double* cell, const bool* periodic) {
    std::vector<int> free;
    for (int i = 0; i < 3; ++i) {
      for (int k = 0; k < 3; ++k) {
        axis[i][k] = cell[3 * i + k];
        if (!std::isfinite(axis[i][k]) && periodic[i]) throw Error("a cell vector is not finite");
      }
      if (!periodic[i]) free.push_back(i);
      if (periodic[i] && length(axis[i]) < 1e-6) throw Error("the cell vector of a periodic axis is zero");
    }
    if (free.size() == 3) {
      for (int i = 0; i < 3; ++i) axis[i] = Vector3{{i == 0 ? 1.0 : 0.0, i == 1 ? 1.0 : 0.0, i == 2 ? 1.0 : 0.0}};
    } else if (free.size() == 2) {
      const Vector3 only = axis[3 - free[0] - free[1]];
      int small = 0;
      for (int k = 1; k < 3; ++k) {
        if (std::fabs(only[k]) < std::fabs(only[small])) small = k;
      }
      Vector3 helper;
      helper[small] = 1;
      axis[free[0]] = scaled(cross(only, helper));
      axis[free[1]] = scaled(cross(only, axis[free[0]]));
    } else if (free.size() == 1) {
      axis[free[0]] = cross(axis[(free[0] + 1) % 3], axis[(free[0] + 2) % 3]);
      if (length(axis[free[0]]) < 1e-9) throw Error("two cell vectors are parallel");
      axis[free[0]] = scaled(axis[free[0]]);
    }
    const double volume = dot(axis[0], cross(axis[1], axis[2]));
    if (!(std::fabs(volume) > 1e-9)) throw Error("the cell vectors lie in one plane");
    for (int i = 0; i < 3; ++i) {
      reciprocal[i] = cross(axis[(i + 1) % 3], axis[(i + 2) % 3]);
      for (int k = 0; k < 3; ++k) reciprocal[i][k] /= volume;
    }
  }

  static Vector3 scaled(Vector3 a) {
    const double size = length(a);
    for (int k = 0; k < 3; ++k) a[k] /= size;
    return a;
  }
};

}  // namespace

Neighbours find_neighbours(int atoms, const double* positions, const double* cell, const bool* periodic, double cutoff) {
  Neighbours out;
  out.first.assign(1, 0);
  if (atoms == 0) return out;
  const Cell box(cell, periodic);
  std::vector<Vector3> place(atoms), fraction(atoms);
  Vector3 lowest{{1e300, 1e300, 1e300}}, highest{{-1e300, -1e300, -1e300}};
  for (int i = 0; i < atoms; ++i) {
    for (int k = 0; k < 3; ++k) {
      place[i][k] = positions[3 * i + k];
      if (!std::isfinite(place[i][k])) throw Error("the position of atom " + std::to_string(i + 1) + " is not a number");
    }
    for (int k = 0; k < 3; ++k) {
      double f = dot(place[i], box.reciprocal[k]);
      if (periodic[k]) {
        // The image inside the cell stands for the atom.
        const double shift = std::floor(f);
        for (int a = 0; a < 3; ++a) place[i][a] -= shift * box.axis[k][a];
        f -= shift;
      }
      fraction[i][k] = f;
      lowest[k] = std::min(lowest[k], f);
      highest[k] = std::max(highest[k], f);
    }
  }
  // Cells of the grid are about as high as the cutoff; along a short periodic axis the search goes over several images.
  int bins[3], reach[3];
  double origin[3], scale[3];
  const double most = std::cbrt(8.0 * atoms + 64.0);
  for (int k = 0; k < 3; ++k) {
    const double height = 1.0 / length(box.reciprocal[k]);
    const double span = periodic[k] ? 1.0 : std::max(highest[k] - lowest[k], 1e-9);
    origin[k] = periodic[k] ? 0.0 : lowest[k];
    bins[k] = static_cast<int>(std::max(1.0, std::min(std::floor(span * height / cutoff), 4 * most)));
    scale[k] = bins[k] / span;
    double steps = std::ceil(cutoff / (span * height / bins[k]) * (1 + 1e-12));
    if (!periodic[k]) steps = std::min(steps, bins[k] - 1.0);
    if (steps > 1000) throw Error("the cell is less than a thousandth of the cutoff high along a periodic axis");
    reach[k] = static_cast<int>(steps);
  }
  // Atoms in the order of their cells, so that a search reads them one after the other.
  std::vector<int> bin(3 * static_cast<std::size_t>(atoms)), place_of(atoms), sorted(atoms);
  std::vector<int> start(static_cast<std::size_t>(bins[0]) * bins[1] * bins[2] + 1, 0);
  for (int i = 0; i < atoms; ++i) {
    for (int k = 0; k < 3; ++k) {
      bin[3 * i + k] = std::min(std::max(static_cast<int>((fraction[i][k] - origin[k]) * scale[k]), 0), bins[k] - 1);
    }
    place_of[i] = (bin[3 * i] * bins[1] + bin[3 * i + 1]) * bins[2] + bin[3 * i + 2];
    ++start[place_of[i] + 1];
  }
  for (std::size_t k = 1; k < start.size(); ++k) start[k] += start[k - 1];
  std::vector<int> next(start.begin(), start.end() - 1);
  std::vector<Vector3> at_place(atoms);
  for (int i = 0; i < atoms; ++i) {
    const int here = next[place_of[i]]++;
    sorted[here] = i;
    at_place[here] = place[i];
  }
  const double limit = cutoff * cutoff;
  std::size_t pairs = 0;
  for (int i = 0; i < atoms; ++i) {
    int step[3];
    for (step[0] = -reach[0]; step[0] <= reach[0]; ++step[0]) {
      for (step[1] = -reach[1]; step[1] <= reach[1]; ++step[1]) {
        for (step[2] = -reach[2]; step[2] <= reach[2]; ++step[2]) {
          int at[3];
          Vector3 shift;
          bool inside = true, home = true;
          for (int k = 0; k < 3; ++k) {
            at[k] = bin[3 * i + k] + step[k];
            const int image = at[k] >= 0 ? at[k] / bins[k] : -((bins[k] - 1 - at[k]) / bins[k]);
            if (image == 0) continue;
            if (!periodic[k]) {
              inside = false;
              break;
            }
            home = false;
            at[k] -= image * bins[k];
            for (int a = 0; a < 3; ++a) shift[a] += image * box.axis[k][a];
          }
          if (!inside) continue;
          for (int a = 0; a < 3; ++a) shift[a] -= place[i][a];
          const int where = (at[0] * bins[1] + at[1]) * bins[2] + at[2], end = start[where + 1];
          if (out.index.size() < pairs + (end - start[where])) {
            const std::size_t size = 2 * pairs + 64 * (end - start[where]);
            out.index.resize(size);
            out.vectors.resize(3 * size);
          }
          for (int n = start[where]; n < end; ++n) {
            const double x = at_place[n][0] + shift[0], y = at_place[n][1] + shift[1], z = at_place[n][2] + shift[2];
            const double r2 = x * x + y * y + z * z;
            if (r2 >= limit || (home && sorted[n] == i)) continue;
            if (r2 < 0.05 * 0.05) {
              std::ostringstream text;
              text << "atoms " << std::min(i, sorted[n]) + 1 << " and " << std::max(i, sorted[n]) + 1 << " are "
                   << std::sqrt(r2) << " Å apart; a potential has no meaning below 0.05 Å";
              throw Error(text.str());
            }
            out.index[pairs] = sorted[n];
            out.vectors[3 * pairs] = x;
            out.vectors[3 * pairs + 1] = y;
            out.vectors[3 * pairs + 2] = z;
            ++pairs;
          }
        }
      }
    }
    if (pairs > 2000000000u) throw Error("there are more than two thousand million pairs of neighbours");
    out.first.push_back(static_cast<int>(pairs));
  }
  out.index.resize(pairs);
  out.vectors.resize(3 * pairs);
  return out;
}

namespace {

std::vector<int> species_of(const Potential& potential, int atoms, const int* atomic_numbers) {
  std::vector<int> species(atoms);
  for (int i = 0; i < atoms; ++i) {
    species[i] = potential.species(atomic_numbers[i]);
    if (species[i] >= 0) continue;
    std::string known;
    for (int z : potential.elements()) known += (known.empty() ? "" : ", ") + std::to_string(z);
    throw Error("atom " + std::to_string(i + 1) + " has the atomic number " + std::to_string(atomic_numbers[i]) +
                ", which the potential lacks (it has " + known + ")");
  }
  return species;
}

// A structure as environments.
struct Structure {
  Structure(const Potential& potential, int atoms, const double* positions, const int* atomic_numbers,
            const double* cell, const bool* periodic)
      : species(species_of(potential, atoms, atomic_numbers)),
        neighbours(find_neighbours(atoms, positions, cell, periodic, potential.cutoff())) {
    neighbour_species.reserve(neighbours.index.size());
    for (int j : neighbours.index) neighbour_species.push_back(species[j]);
    for (int i = 0; i < atoms; ++i) numbers.push_back(i);
  }
  Environments environments() const {
    return {static_cast<int>(species.size()), species.data(), neighbours.first.data(), neighbours.vectors.data(),
            neighbour_species.data()};
  }

  std::vector<int> species;
  Neighbours neighbours;
  std::vector<int> neighbour_species, numbers;
};

}  // namespace

void add_rows(Evaluator& evaluator, const Potential& potential, int atoms, const double* positions,
              const int* atomic_numbers, const double* cell, const bool* periodic, const Rows& rows) {
  const Structure s(potential, atoms, positions, atomic_numbers, cell, periodic);
  evaluator.rows(s.environments(), s.numbers.data(), s.neighbours.index.data(), rows);
}

std::vector<double> descriptors(Evaluator& evaluator, const Potential& potential, int term, int atoms,
                                const double* positions, const int* atomic_numbers, const double* cell,
                                const bool* periodic) {
  const Structure s(potential, atoms, positions, atomic_numbers, cell, periodic);
  return evaluator.descriptors(s.environments(), term);
}

SystemResults evaluate(Evaluator& evaluator, const Potential& potential, int atoms, const double* positions,
                       const int* atomic_numbers, const double* cell, const bool* periodic, bool variances) {
  const Structure structure(potential, atoms, positions, atomic_numbers, cell, periodic);
  const Neighbours& n = structure.neighbours;
  SystemResults out;
  out.energies.resize(atoms);
  out.forces.assign(3 * static_cast<std::size_t>(atoms), 0.0);
  out.virials.assign(9 * static_cast<std::size_t>(atoms), 0.0);
  if (variances) out.variances.resize(atoms);
  constexpr int kChunk = 240;
  std::vector<int> first;
  std::vector<double> gradients;
  for (int begin = 0; begin < atoms; begin += kChunk) {
    const int count = std::min(kChunk, atoms - begin), offset = n.first[begin], pairs = n.first[begin + count] - offset;
    first.assign(n.first.begin() + begin, n.first.begin() + begin + count + 1);
    for (int& f : first) f -= offset;
    gradients.resize(3 * static_cast<std::size_t>(pairs));
    const double* vectors = n.vectors.data() + 3 * static_cast<std::size_t>(offset);
    evaluator.compute({count, structure.species.data() + begin, first.data(), vectors,
                       structure.neighbour_species.data() + offset},
                      {out.energies.data() + begin, gradients.data(), variances ? out.variances.data() + begin : nullptr});
    for (int i = 0; i < count; ++i) {
      for (int p = first[i]; p < first[i + 1]; ++p) {
        const std::size_t a = begin + i, b = n.index[offset + p];
        for (int x = 0; x < 3; ++x) {
          const double g = gradients[3 * static_cast<std::size_t>(p) + x];
          out.forces[3 * a + x] += g;
          out.forces[3 * b + x] -= g;
          for (int y = 0; y < 3; ++y) {
            const double half = -0.5 * vectors[3 * static_cast<std::size_t>(p) + y] * g;
            out.virials[9 * a + 3 * y + x] += half;
            out.virials[9 * b + 3 * y + x] += half;
          }
        }
      }
    }
  }
  return out;
}

}  // namespace gapglass
