# The OpenMP build of OpenBLAS, found by path: where the pthread build is installed as well, Debian prefers that one,
# and its threads fight with OpenMP's. Another CBLAS, with LAPACK: -DOpenBLAS_LIBRARY=... -DOpenBLAS_INCLUDE_DIR=...
find_path(OpenBLAS_INCLUDE_DIR cblas.h
  PATHS /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp /usr/include/openblas NO_DEFAULT_PATH)
find_path(OpenBLAS_INCLUDE_DIR cblas.h)
find_library(OpenBLAS_LIBRARY NAMES openblas
  PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp NO_DEFAULT_PATH)
find_library(OpenBLAS_LIBRARY NAMES openblaso openblas)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OpenBLASOpenMP REQUIRED_VARS OpenBLAS_LIBRARY OpenBLAS_INCLUDE_DIR)
if(OpenBLASOpenMP_FOUND AND NOT TARGET OpenBLASOpenMP::OpenBLAS)
  add_library(OpenBLASOpenMP::OpenBLAS UNKNOWN IMPORTED)
  set_target_properties(OpenBLASOpenMP::OpenBLAS PROPERTIES IMPORTED_LOCATION ${OpenBLAS_LIBRARY})
  target_include_directories(OpenBLASOpenMP::OpenBLAS SYSTEM INTERFACE ${OpenBLAS_INCLUDE_DIR})
  # All builds share one soname; the RPATH makes the loader take this one.
  get_filename_component(OpenBLAS_directory ${OpenBLAS_LIBRARY} DIRECTORY)
  target_link_options(OpenBLASOpenMP::OpenBLAS INTERFACE "LINKER:-rpath,${OpenBLAS_directory}")
endif()
