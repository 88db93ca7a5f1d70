// The Python module gapglass.potential._engine.
#include <nanobind/nanobind.h>

#include "evaluator.h"

NB_MODULE(_engine, module) {
  module.def("source_digest", &gapglass::source_digest, "Digest of the C++ sources that this was compiled from.");
}
