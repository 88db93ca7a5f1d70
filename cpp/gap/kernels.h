// The inner loops. kernels.cpp is compiled once for every SIMD level, each time into a namespace of its own, and this
// header is all that it shares with the rest. It holds plain structures only: an inline function or a template that
// is compiled for two levels would be merged by the linker, and a machine could meet instructions that it lacks.
#pragma once

namespace gapglass {

constexpr int kPad = 8;         // radial functions, components and sparse points are padded to multiples of this
constexpr int kBatch = 24;      // environments that are worked on together
constexpr int kMaxDegree = 16;  // largest l_max

// Functions of the distance as polynomials of degree 5 on a piecewise uniform grid.
struct TableView {
  int segments;
  const double* start;             // [segments]
  const double* inverse_width;     // [segments], of one interval
  const int* first;                // [segments + 1], intervals of segment k are first[k] ... first[k + 1] - 1
  const double* coefficients;      // [interval][6][stride], of (r - middle of the interval) / half its width
  int stride;                      // functions, padded
  double end;                      // all functions are zero from here on
};

// A many-body term for one species of the centre. c[lm][n] is the expansion of the neighbour density; the columns n of
// one species of neighbours are a block.
struct TermView {
  int species;                // of the potential
  const int* block_of;        // [species] of a neighbour, -1 for one that does not count
  int blocks;
  const int* block_first;     // [blocks], first column in c
  const int* block_size;      // [blocks], columns, padded
  const TableView* tables;    // [blocks]
  bool separable;             // table: n radial functions R_n, then l_max + 1 functions F_l; else R_nl as [l][n]
  int columns;                // of c, padded
  int l_max;
  int harmonics;              // (l_max + 1)²
  const double* central;      // [columns], what the centre itself adds to l = m = 0
  int functions;              // columns that are not padding
  const int* column;          // [functions]
  int pairs;
  const int* pair_first;      // [pairs], index of a function
  const int* pair_second;     // [pairs]
  const double* weight;       // [pairs][l_max + 1]
  double smallest_norm;       // a shorter power spectrum is not normalised
  int dimensions;             // pairs (l_max + 1), padded
  int points;                 // sparse points, padded
  const double* sparse;       // [points][dimensions]
  const double* coefficient;  // [points], delta² alpha cutoff
  double zeta;
  int whole_zeta;             // zeta where it is a whole number from 1 to 16, else 0
  const double* harmonic_norm;  // [l_max + 1][l_max + 1], for (l, m)
};

struct EnvironmentView {
  int neighbours;
  const double* vectors;  // [neighbours][3]
  const int* species;     // [neighbours]
  double* gradient;       // [neighbours][3], is added to; null leaves derivatives out
};

// Where the rows of a design matrix go: covariances of labels with the sparse points of a term, which begin at
// column `first` of matrices with `columns` columns.
struct RowsView {
  const double* scale;   // [points], delta² sparseCutoff of every sparse point
  int points;            // those that are not padding
  long columns;
  long first;
  double* energy;        // [columns], is added to
  double* forces;        // [3 atoms][columns], is added to; null for energies alone
  double* virial;        // [6][columns] in the order xx yy zz yz xz xy, is added to
  int centre;            // number of the centre's atom
  const int* neighbour;  // [neighbours], numbers of the neighbours' atoms
};

// The functions of one level.
struct Kernels {
  const char* name;
  // Doubles of scratch that one batch of a term needs.
  unsigned long (*scratch)(const TermView&, int most_neighbours);
  // Adds the energies of up to kBatch environments. `products`, if not null, receives (q . s_m)^zeta as
  // [points][kBatch] for the variance.
  void (*batch)(const TermView&, int environments, const EnvironmentView*, double* scratch, double* energies,
                double* products);
  // The power spectrum of one environment, normalised, in the order of the sparse points' components.
  void (*descriptor)(const TermView&, const EnvironmentView&, double* scratch, double* q);
  // Doubles of scratch that `rows` needs.
  unsigned long (*rows_scratch)(const TermView&, int most_neighbours);
  // Adds the covariances that one environment contributes.
  void (*rows)(const TermView&, const EnvironmentView&, double* scratch, const RowsView&);
  // squares[e] += |factor x[:, e]|², factor [rows][points] with rows a multiple of kPad, x [points][kBatch].
  void (*squares)(int rows, int points, const double* factor, const double* x, double* squares);
};

namespace plain {
extern const Kernels kernels;
}
namespace avx2 {
extern const Kernels kernels;
}
namespace avx512 {
extern const Kernels kernels;
}

}  // namespace gapglass
