# Finds LibTorch (the C++ libraries inside the PyPI wheel of torch) and offers LibTorch::cpu and, with CUDA, LibTorch::cuda.
#
# Looked for in this order: -DPALIMPSEST_LIBTORCH=<folder that holds include/ and lib/>, the project's own .deps/, an
# installed Python torch. The wheel's own package file insists on a CUDA SDK, so it is not used.
set(PALIMPSEST_LIBTORCH "" CACHE PATH "LibTorch root: the folder that holds include/ and lib/libtorch_cpu.so")

if(NOT PALIMPSEST_LIBTORCH AND EXISTS "${PROJECT_SOURCE_DIR}/.deps/site-packages/torch/lib/libtorch_cpu.so")
  set(PALIMPSEST_LIBTORCH "${PROJECT_SOURCE_DIR}/.deps/site-packages/torch")
endif()
if(NOT PALIMPSEST_LIBTORCH)
  find_package(Python3 QUIET COMPONENTS Interpreter)
  execute_process(
    COMMAND "${Python3_EXECUTABLE}" -c "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
    OUTPUT_VARIABLE PALIMPSEST_LIBTORCH OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT EXISTS "${PALIMPSEST_LIBTORCH}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "LibTorch not found: run './run setup', or pass -DPALIMPSEST_LIBTORCH=<folder with include/ and lib/>")
endif()
message(STATUS "LibTorch: ${PALIMPSEST_LIBTORCH}")

function(palimpsest_add_libtorch name)
  add_library(LibTorch::${name} INTERFACE IMPORTED GLOBAL)
  target_include_directories(LibTorch::${name} SYSTEM INTERFACE
    "${PALIMPSEST_LIBTORCH}/include" "${PALIMPSEST_LIBTORCH}/include/torch/csrc/api/include")
  target_link_directories(LibTorch::${name} INTERFACE "${PALIMPSEST_LIBTORCH}/lib")
  target_link_options(LibTorch::${name} INTERFACE
    "LINKER:-rpath,${PALIMPSEST_LIBTORCH}/lib" "LINKER:--allow-shlib-undefined")
  target_link_libraries(LibTorch::${name} INTERFACE ${ARGN})
endfunction()

palimpsest_add_libtorch(cpu torch_cpu c10)
if(PALIMPSEST_CUDA)
  palimpsest_add_libtorch(cuda torch_cuda c10_cuda torch_cpu c10)
endif()
