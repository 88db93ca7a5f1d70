#include "gap_file.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "error.h"
#include "xml.h"

namespace gapglass {
namespace {

const char* const kRemains = "; QUIP's evaluator (pair_style quip, quippy) remains available";

std::string attribute(const Element& e, const std::string& key, const std::string& where) {
  const auto found = e.attributes.find(key);
  if (found == e.attributes.end()) throw Error(where + ": <" + e.name + "> lacks " + key);
  return found->second;
}

std::string attribute_or(const Element& e, const std::string& key, const std::string& standard) {
  const auto found = e.attributes.find(key);
  return found == e.attributes.end() ? standard : found->second;
}

double number(const Element& e, const std::string& key, const std::string& where) {
  const auto values = numbers(attribute(e, key, where), where + ": " + key + " of <" + e.name + ">");
  if (values.size() != 1) throw Error(where + ": " + key + " of <" + e.name + "> is not one number");
  return values[0];
}

int whole(const Element& e, const std::string& key, const std::string& where) {
  const double v = number(e, key, where);
  if (v != std::floor(v) || std::fabs(v) > 1e9) throw Error(where + ": " + key + " of <" + e.name + "> is no whole number");
  return static_cast<int>(v);
}

// Words of the init string, with braces as they are and runs of white space as one.
std::string one_space(const std::string& text) {
  std::istringstream stream(text);
  std::string out, word;
  while (stream >> word) out += (out.empty() ? "" : " ") + word;
  return out;
}

// Says whether a core belongs to the potential.
bool has_core(const Element& root, const std::string& path, const std::string& label) {
  const Element* potential = root.only("Potential");
  if (!potential) throw Error(path + " has no <Potential>; is it a potential of gap_fit?");
  if (const auto stated = attribute_or(*potential, "label", label); stated != label) {
    throw Error(path + ": <Potential> has the label " + stated + ", <GAP_params> " + label);
  }
  const std::string init = one_space(attribute(*potential, "init_args", path));
  if (init == "IP GAP" || init == "IP GAP label=" + label) return false;
  for (const char* glue : {"Sum init_args_pot1={IP Glue} init_args_pot2={IP GAP label=", "Sum init_args_pot1={IP Glue} init_args_pot2={IP GAP"}) {
    const std::string begin = glue;
    if (init == begin + label + "}" || init == begin + "}") return true;
  }
  throw Error(path + ": the potential is \"" + init + "\"; the engine implements IP GAP, alone or in a Sum with IP Glue" +
              kRemains);
}

void read_e0(const Element& params, const std::string& path, GapFile& out) {
  const Element* data = params.only("GAP_data");
  if (!data) throw Error(path + " has no <GAP_data>");
  for (const Element* e : data->all("e0")) {
    if (!out.e0.emplace(whole(*e, "Z", path), number(*e, "value", path)).second) {
      throw Error(path + ": e0 of Z " + attribute(*e, "Z", path) + " stands twice");
    }
  }
}

void read_points(const Element& g, const std::string& path, GapTerm& out) {
  const int count = whole(g, "n_sparseX", out.where);
  const auto rows = g.all("sparseX");
  if (static_cast<int>(rows.size()) != count) {
    throw Error(out.where + ": " + std::to_string(rows.size()) + " sparse points where n_sparseX says " +
                std::to_string(count) + "; the file is damaged or incomplete");
  }
  const std::string separate = attribute_or(g, "sparseX_filename", "");
  int expected = 1;
  for (const Element* x : rows) {
    const std::string where = out.where + ": sparse point " + std::to_string(expected);
    if (whole(*x, "i", where) != expected++) throw Error(where + " has another number");
    out.alpha.push_back(number(*x, "alpha", where));
    out.cutoff.push_back(number(*x, "sparseCutoff", where));
    if (!separate.empty()) continue;
    std::string text = x->text;
    for (const Element* slice : x->all("sparseX_slice")) text += " " + slice->text;
    const auto values = numbers(text, where);
    if (static_cast<int>(values.size()) != out.dimensions) {
      throw Error(where + " has " + std::to_string(values.size()) + " components where dimensions says " +
                  std::to_string(out.dimensions) + "; the file is damaged or incomplete");
    }
    out.points.insert(out.points.end(), values.begin(), values.end());
  }
  if (separate.empty()) return;
  // The name in the file is that of the folder in which gap_fit ran: the file itself lies beside gap.xml.
  const auto slash = separate.find_last_of('/');
  const auto folder = path.find_last_of('/');
  const std::string file = (folder == std::string::npos ? "" : path.substr(0, folder + 1)) +
                           (slash == std::string::npos ? separate : separate.substr(slash + 1));
  std::string text;
  try {
    text = read_file(file);
  } catch (const Error&) {
    throw Error(file + ", the sparse points of " + path + ", cannot be read; keep the files of gap_fit together");
  }
  const std::string stated = attribute_or(g, "sparseX_md5sum", "");
  if (!stated.empty() && md5(text) != stated) {
    throw Error(file + " is not the file that " + path + " was written with (its MD5 sum differs); keep the files of "
                "one gap_fit together");
  }
  out.points = numbers(text, file);
  if (out.points.size() != static_cast<std::size_t>(count) * out.dimensions) {
    throw Error(file + " has " + std::to_string(out.points.size()) + " numbers where " + std::to_string(count) +
                " sparse points of " + std::to_string(out.dimensions) + " components belong");
  }
}

GapTerm read_term(const Element& g, const std::string& path) {
  GapTerm out;
  out.where = path + ": " + attribute_or(g, "label", "gpCoordinates");
  const Element* descriptor = g.only("descriptor");
  if (!descriptor) throw Error(out.where + " has no <descriptor>");
  out.descriptor = descriptor->text;
  out.covariance_type = whole(g, "covariance_type", out.where);
  out.delta = number(g, "signal_variance", out.where);
  out.dimensions = whole(g, "dimensions", out.where);
  if (out.dimensions < 1) throw Error(out.where + ": dimensions has to be positive");
  if (number(g, "signal_mean", out.where) != 0) throw Error(out.where + ": signal_mean (f0) other than 0 is not implemented" + kRemains);
  if (attribute_or(g, "sparsified", "T") != "T") throw Error(out.where + " is not sparsified" + kRemains);
  if (out.covariance_type == 2) {
    out.zeta = number(g, "zeta", out.where);
  } else if (out.covariance_type == 1) {
    const Element* theta = g.only("theta");
    const auto values = theta ? numbers(theta->text, out.where + ": theta") : std::vector<double>();
    if (values.size() != 1 || !(values[0] > 0)) throw Error(out.where + ": theta is not one positive number" + kRemains);
    out.theta = values[0];
  } else {
    throw Error(out.where + ": covariance_type " + std::to_string(out.covariance_type) +
                " is not implemented (1, squared exponential, and 2, dot product, are)" + kRemains);
  }
  read_points(g, path, out);
  return out;
}

void read_core(const Element& glue, const std::string& path, GapFile& out) {
  const std::string where = path + ": Glue_params";
  std::map<int, int> atomic_number;
  for (const Element* type : glue.all("per_type_data")) {
    if (!atomic_number.emplace(whole(*type, "type", where), whole(*type, "atomic_num", where)).second) {
      throw Error(where + ": a type stands twice");
    }
    for (const char* part : {"density", "potential_density"}) {
      const Element* density = type->only(part);
      if (!density) continue;
      bool zero = true;
      for (const char* slope : {"density_y1", "density_yn"}) {
        if (density->attributes.count(slope)) zero = zero && number(*density, slope, where) == 0;
      }
      for (const Element* point : density->all("point")) {
        zero = zero && number(*point, std::string(part) == "density" ? "rho" : "E", where) == 0;
      }
      if (!zero) throw Error(where + ": a core with <" + part + "> is not implemented, one of pair splines is" + kRemains);
    }
  }
  if (static_cast<int>(atomic_number.size()) != whole(glue, "n_types", where)) {
    throw Error(where + ": n_types is not the number of <per_type_data>; the file is damaged or incomplete");
  }
  for (const Element* pair : glue.all("per_pair_data")) {
    const int t1 = whole(*pair, "type1", where), t2 = whole(*pair, "type2", where);
    if (!atomic_number.count(t1) || !atomic_number.count(t2)) throw Error(where + ": a pair of a type that is not there");
    const Element* potential = pair->only("potential_pair");
    if (!potential) throw Error(where + ": <per_pair_data> without <potential_pair>");
    std::vector<double> r, energy;
    for (const Element* point : potential->all("point")) {
      r.push_back(number(*point, "r", where));
      energy.push_back(number(*point, "E", where));
    }
    if (static_cast<int>(r.size()) != whole(*potential, "num_points", where)) {
      throw Error(where + ": num_points is not the number of points; the file is damaged or incomplete");
    }
    const int z1 = atomic_number[t1], z2 = atomic_number[t2];
    Spline spline(r, energy, number(*potential, "y1", where), number(*potential, "yn", where));
    if (!out.core.emplace(std::make_pair(std::min(z1, z2), std::max(z1, z2)), std::move(spline)).second) {
      throw Error(where + ": a pair of types stands twice");
    }
  }
}

}  // namespace

GapFile read_gap_file(const std::string& path) {
  const auto root = read_xml(path);
  GapFile out;
  const Element* params = root->only("GAP_params");
  if (!params) throw Error(path + " has no <GAP_params>; is it a potential of gap_fit?");
  out.label = attribute(*params, "label", path);
  const bool core = has_core(*root, path, out.label);
  read_e0(*params, path, out);
  const Element* sparse = params->only("gpSparse");
  if (!sparse) throw Error(path + " has no <gpSparse>; the file is damaged or incomplete");
  const auto terms = sparse->all("gpCoordinates");
  if (static_cast<int>(terms.size()) != whole(*sparse, "n_coordinate", path)) {
    throw Error(path + ": " + std::to_string(terms.size()) + " terms where n_coordinate says " +
                attribute(*sparse, "n_coordinate", path) + "; the file is damaged or incomplete");
  }
  for (const Element* g : terms) out.terms.push_back(read_term(*g, path));
  const Element* glue = root->only("Glue_params");
  if (!glue) glue = params->only("Glue_params");
  if (core != (glue != nullptr)) {
    throw Error(path + (core ? ": the potential is a Sum with IP Glue, but <Glue_params> is absent"
                             : ": <Glue_params> is there, but the potential is not a Sum with IP Glue"));
  }
  if (glue) read_core(*glue, path, out);
  return out;
}

}  // namespace gapglass
