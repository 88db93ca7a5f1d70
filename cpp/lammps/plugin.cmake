# The target gapglassplugin, for the wheel (CMakeLists.txt of the project) and for another LAMMPS (CMakeLists.txt here).
# LAMMPS loads every *plugin.so of the folders in LAMMPS_PLUGIN_PATH. The symbols of LAMMPS and of MPI come from the
# process that loads it, so that there is never a second MPI in one process.

add_library(gapglassplugin MODULE
            "${CMAKE_CURRENT_LIST_DIR}/pair_gapglass.cpp" "${CMAKE_CURRENT_LIST_DIR}/plugin.cpp")
target_include_directories(gapglassplugin SYSTEM PRIVATE ${GAPGLASS_LAMMPS_HEADERS} ${GAPGLASS_MPI_HEADERS})
# Without the C++ interface of MPI, which would have to be linked.
target_compile_definitions(gapglassplugin PRIVATE
  GAPGLASS_LAMMPS_DATE="${GAPGLASS_LAMMPS_DATE}" MPICH_SKIP_MPICXX OMPI_SKIP_MPICXX)
target_link_libraries(gapglassplugin PRIVATE gap)
set_target_properties(gapglassplugin PROPERTIES
  PREFIX "" SUFFIX ".so" CXX_EXTENSIONS OFF CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
