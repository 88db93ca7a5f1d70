// The Python module gapglass.potential._engine: arrays in, arrays out.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "error.h"
#include "system.h"

namespace nb = nanobind;
using namespace gapglass;

namespace {

using Positions = nb::ndarray<const double, nb::shape<-1, 3>, nb::c_contig, nb::device::cpu>;
using Numbers = nb::ndarray<const int, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Cell = nb::ndarray<const double, nb::shape<3, 3>, nb::c_contig, nb::device::cpu>;

// Hands the memory of a vector over to numpy.
template <typename T>
nb::ndarray<nb::numpy, T> to_numpy(std::vector<T>&& values, std::initializer_list<std::size_t> shape) {
  auto* kept = new std::vector<T>(std::move(values));
  nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return nb::ndarray<nb::numpy, T>(kept->data(), shape.size(), shape.begin(), owner);
}

nb::tuple evaluate_arrays(Evaluator& evaluator, const Potential& potential, Positions positions, Numbers numbers, Cell cell,
                          const std::vector<bool>& periodic, bool variances) {
  const auto atoms = positions.shape(0);
  if (numbers.shape(0) != atoms) throw Error("positions and atomic numbers differ in length");
  if (periodic.size() != 3) throw Error("periodic has to have three values");
  const bool axes[3] = {periodic[0], periodic[1], periodic[2]};
  SystemResults r;
  {
    nb::gil_scoped_release release;
    r = evaluate(evaluator, potential, static_cast<int>(atoms), positions.data(), numbers.data(), cell.data(), axes, variances);
  }
  nb::object variance = nb::none();
  if (variances) variance = nb::cast(to_numpy(std::move(r.variances), {atoms}));
  return nb::make_tuple(to_numpy(std::move(r.energies), {atoms}), to_numpy(std::move(r.forces), {atoms, 3}),
                        to_numpy(std::move(r.virials), {atoms, 3, 3}), variance);
}

nb::tuple rows_arrays(Evaluator& evaluator, const Potential& potential, Positions positions, Numbers numbers, Cell cell,
                      const std::vector<bool>& periodic, bool derivatives) {
  const auto atoms = positions.shape(0), columns = static_cast<std::size_t>(potential.columns());
  if (numbers.shape(0) != atoms) throw Error("positions and atomic numbers differ in length");
  if (periodic.size() != 3) throw Error("periodic has to have three values");
  const bool axes[3] = {periodic[0], periodic[1], periodic[2]};
  std::vector<double> energy(columns, 0.0), forces, virial;
  if (derivatives) {
    forces.assign(3 * atoms * columns, 0.0);
    virial.assign(6 * columns, 0.0);
  }
  {
    nb::gil_scoped_release release;
    add_rows(evaluator, potential, static_cast<int>(atoms), positions.data(), numbers.data(), cell.data(), axes,
             {energy.data(), derivatives ? forces.data() : nullptr, derivatives ? virial.data() : nullptr});
  }
  const std::size_t force_rows = derivatives ? 3 * atoms : 0, virial_rows = derivatives ? 6 : 0;
  return nb::make_tuple(to_numpy(std::move(energy), {columns}), to_numpy(std::move(forces), {force_rows, columns}),
                        to_numpy(std::move(virial), {virial_rows, columns}));
}

nb::object descriptors_array(Evaluator& evaluator, const Potential& potential, int term, Positions positions,
                             Numbers numbers, Cell cell, const std::vector<bool>& periodic) {
  const auto atoms = positions.shape(0);
  if (numbers.shape(0) != atoms) throw Error("positions and atomic numbers differ in length");
  if (periodic.size() != 3) throw Error("periodic has to have three values");
  if (term < 0 || term >= potential.many_body_terms()) throw Error("the potential has no such many-body term");
  const bool axes[3] = {periodic[0], periodic[1], periodic[2]};
  std::vector<double> q;
  {
    nb::gil_scoped_release release;
    q = descriptors(evaluator, potential, term, static_cast<int>(atoms), positions.data(), numbers.data(), cell.data(), axes);
  }
  const auto components = static_cast<std::size_t>(potential.components(term)), count = q.size() / components;
  return nb::cast(to_numpy(std::move(q), {count, components}));
}

nb::tuple neighbours_arrays(Positions positions, Cell cell, const std::vector<bool>& periodic, double cutoff) {
  if (periodic.size() != 3) throw Error("periodic has to have three values");
  if (!(cutoff > 0)) throw Error("the cutoff has to be positive");
  const bool axes[3] = {periodic[0], periodic[1], periodic[2]};
  Neighbours n = find_neighbours(static_cast<int>(positions.shape(0)), positions.data(), cell.data(), axes, cutoff);
  const auto pairs = n.index.size(), first = n.first.size();
  return nb::make_tuple(to_numpy(std::move(n.first), {first}), to_numpy(std::move(n.index), {pairs}),
                        to_numpy(std::move(n.vectors), {pairs, 3}));
}

}  // namespace

NB_MODULE(_engine, module) {
  nb::exception<Error>(module, "Error", PyExc_ValueError);
  module.def("source_digest", &source_digest, "Digest of the C++ sources that this was compiled from.");
  module.def("simd_levels", &simd_levels, "SIMD levels of this build that this machine runs, best first.");
  module.def("simd_level", &simd_level, "The level in use: the best one, or that of GAPGLASS_SIMD.");
  nb::class_<Potential>(module, "Potential")
      .def_static("read", &Potential::read, nb::arg("path"), nb::call_guard<nb::gil_scoped_release>())
      .def_prop_ro("cutoff", &Potential::cutoff)
      .def_prop_ro("elements", &Potential::elements)
      .def_prop_ro("columns", &Potential::columns)
      .def_prop_ro("many_body_terms", &Potential::many_body_terms)
      .def("centre", &Potential::centre, nb::arg("term"))
      .def("components", &Potential::components, nb::arg("term"))
      .def("sparse_points", &Potential::sparse_points, nb::arg("species"))
      .def("isolated_atom_energy", &Potential::isolated_atom_energy, nb::arg("species"))
      .def("read_variance", &Potential::read_variance, nb::arg("path"))
      .def_prop_ro("has_variance", &Potential::has_variance);
  nb::class_<Evaluator>(module, "Evaluator")
      .def(nb::init<const Potential&, const std::string&>(), nb::arg("potential"), nb::arg("level"))
      .def_prop_ro("level", &Evaluator::level)
      .def("evaluate", &evaluate_arrays, nb::arg("potential"), nb::arg("positions"), nb::arg("numbers"), nb::arg("cell"),
           nb::arg("periodic"), nb::arg("variances") = false,
           "Energies (n,) eV, forces (n, 3) eV/Å, virials (n, 3, 3) eV, and variances (n,) eV² or None.");
  module.def("components", &descriptor_components, nb::arg("descriptor"),
             "Components of a sparse point of a many-body descriptor, from its text.");
  module.def("rows", &rows_arrays, nb::arg("evaluator"), nb::arg("potential"), nb::arg("positions"), nb::arg("numbers"),
             nb::arg("cell"), nb::arg("periodic"), nb::arg("derivatives") = true,
             "Covariances with the sparse points: of the energy (m,), forces (3 n, m) and virial (6, m).");
  module.def("descriptors", &descriptors_array, nb::arg("evaluator"), nb::arg("potential"), nb::arg("term"),
             nb::arg("positions"), nb::arg("numbers"), nb::arg("cell"), nb::arg("periodic"),
             "Descriptors (atoms of the species, components) of a many-body term.");
  module.def("find_neighbours", &neighbours_arrays, nb::arg("positions"), nb::arg("cell"), nb::arg("periodic"),
             nb::arg("cutoff"), "first (n + 1,), index (pairs,) and vectors (pairs, 3) Å of all neighbours.");
}
