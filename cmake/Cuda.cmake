# libpalimpsest_cuda.so: every *_cuda.cu, linked to the CUDA half of LibTorch. The program opens it when it lies beside it, and
# its kernels register themselves with torch's dispatcher, so nothing of the program is linked to it.
if(NOT CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 90)
endif()
enable_language(CUDA)
# CMake 3.25 does not know that nvcc 13 has this standard, which targets take over from CMAKE_CXX_STANDARD.
set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
set(CMAKE_CUDA_STANDARD 20)
find_package(CUDAToolkit REQUIRED)

file(GLOB PALIMPSEST_CUDA_SOURCES CONFIGURE_DEPENDS
  "${PROJECT_SOURCE_DIR}/base/*_cuda.cu" "${PROJECT_SOURCE_DIR}/backbone/kernels/*_cuda.cu")
add_library(palimpsest_cuda SHARED ${PALIMPSEST_CUDA_SOURCES})
target_include_directories(palimpsest_cuda PRIVATE "${PROJECT_SOURCE_DIR}")
target_include_directories(palimpsest_cuda SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
target_compile_options(palimpsest_cuda PRIVATE -Xcompiler=-Wall,-Wextra --Werror=all-warnings -diag-suppress=20012
  --expt-relaxed-constexpr)
target_link_libraries(palimpsest_cuda PRIVATE LibTorch::cuda)
set_target_properties(palimpsest_cuda PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")
