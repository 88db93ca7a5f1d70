// A Gaussian approximation potential as gap_fit writes it, read into tables that the evaluator uses.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace gapglass {

struct Model;  // tables and sparse points (model.h)

// Read once, then constant: several evaluators and threads may share one potential.
class Potential {
 public:
  // Reads gap.xml and the files of sparse points beside it. Throws Error for a file that is cut or contradicts
  // itself, and for every term that the engine does not implement; the message names the term.
  static Potential read(const std::string& path);

  double cutoff() const;                     // largest distance at which an atom is a neighbour, Å
  const std::vector<int>& elements() const;  // atomic numbers, ascending; a species is an index into this list
  int species(int atomic_number) const;      // -1 for an element that the potential lacks
  double isolated_atom_energy(int species) const;  // e0, eV
  int columns() const;                       // sparse points of all terms
  int many_body_terms() const;
  int centre(int term) const;                // species of the centre of a many-body term
  int components(int term) const;            // of its descriptor
  int sparse_points(int species) const;      // of all many-body terms that are centred on this species

  // Reads the factors from which the variance of a local energy follows (variance.h); throws Error when they do not
  // belong to this potential.
  void read_variance(const std::string& path);
  bool has_variance() const;

  const Model& model() const { return *model_; }

 private:
  std::shared_ptr<Model> model_;
};

// Components of a sparse point of a many-body descriptor, from its text; throws Error as Potential::read does.
int descriptor_components(const std::string& text);

}  // namespace gapglass
