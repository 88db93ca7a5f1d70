// Quadrature, small matrices and special functions for the tables; double precision is not enough for some of them.
#pragma once

#include <vector>

namespace gapglass {

using Real = long double;

struct Quadrature {
  std::vector<Real> nodes, weights;
};

// Gauss-Legendre rule on [lower, upper].
Quadrature gauss_legendre(int points, Real lower, Real upper);

// Square matrices are stored by rows.
using Matrix = std::vector<Real>;

// S^(-1/2) of a symmetric positive definite matrix; throws Error when the smallest eigenvalue is lost in rounding.
Matrix inverse_root(const Matrix& s, int n);

// Lower triangular L with L L^T = S; throws Error when S is not positive definite.
Matrix cholesky(const Matrix& s, int n);

// X with A X = B, by elimination with row pivots; A is n x n and B is n x n.
Matrix solve(Matrix a, Matrix b, int n);

// exp(-x) i_l(x) for l = 0 ... l_max, i_l the modified spherical Bessel function of the first kind.
void scaled_bessel(Real x, int l_max, Real* out);

}  // namespace gapglass
