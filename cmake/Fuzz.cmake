# build/fuzz replays and mutates with any compiler; with clang and PALIMPSEST_FUZZ (preset fuzz), build-fuzz/fuzz_libfuzzer
# runs the targets under libFuzzer, guided by coverage of every room below them.
option(PALIMPSEST_FUZZ "With clang: the fuzz targets under libFuzzer (preset fuzz)" OFF)
set(fuzz_rooms base ${MODALITIES} tokenizers ${DATASETS})
set(fuzz_sources tests/fuzz/targets.cpp tests/fuzz/mutate.cpp)

function(palimpsest_fuzz_program name)
  add_executable(${name} ${ARGN})
  target_precompile_headers(${name} REUSE_FROM palimpsest_pch)
  target_link_libraries(${name} PRIVATE palimpsest_settings)
  foreach(room ${fuzz_rooms})
    palimpsest_room_target(${room} dependency)
    target_link_libraries(${name} PRIVATE ${dependency})
  endforeach()
endfunction()

palimpsest_fuzz_program(fuzz ${fuzz_sources} tests/fuzz/main.cpp)
# A short replay, with a few hundred mutations, among the ordinary tests.
add_test(NAME fuzz/Replay COMMAND fuzz --rounds 200 "${PROJECT_SOURCE_DIR}/tests/fuzz/corpus")
set_tests_properties(fuzz/Replay PROPERTIES ENVIRONMENT "OMP_NUM_THREADS=1" WORKING_DIRECTORY "${CMAKE_BINARY_DIR}")

if(PALIMPSEST_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "PALIMPSEST_FUZZ needs clang: cmake --preset fuzz")
  endif()
  # Every room counts which of its branches an input reaches; what a sanitizer reports ends the run. Torch's own classes
  # have no type information that could be checked.
  target_compile_options(palimpsest_settings INTERFACE -fsanitize=fuzzer-no-link -fno-sanitize=vptr,function -fno-sanitize-recover=all -Wno-error)
  target_link_options(palimpsest_settings INTERFACE -fsanitize=fuzzer-no-link)
  palimpsest_fuzz_program(fuzz_libfuzzer tests/fuzz/targets.cpp tests/fuzz/libfuzzer.cpp)
  target_link_options(fuzz_libfuzzer PRIVATE -fsanitize=fuzzer)
endif()
