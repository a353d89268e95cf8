# The well-kept libraries the floors stand on, all of them Debian packages.
find_package(PkgConfig REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(spdlog REQUIRED)
find_package(tomlplusplus REQUIRED)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(ARCHIVE REQUIRED IMPORTED_TARGET libarchive)

# HDF5's C library; its static form where training nodes have no packages.
pkg_check_modules(HDF5 REQUIRED IMPORTED_TARGET hdf5-serial)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)  # HDF5's own, for what it deflated

set(LIBRARIES_BASE CLI11::CLI11 nlohmann_json::nlohmann_json spdlog::spdlog tomlplusplus::tomlplusplus PkgConfig::XXHASH)
set(LIBRARIES_TEXT PkgConfig::UTF8PROC PkgConfig::PCRE2)
set(LIBRARIES_ARCHIVE PkgConfig::ARCHIVE)
set(LIBRARIES_HDF5 PkgConfig::HDF5 PkgConfig::ZLIB)

if(PALIMPSEST_MEDIA)
  # Debian's OpenCVConfig.cmake comes with the whole of OpenCV; three of its libraries are enough here.
  find_path(OPENCV_INCLUDE opencv2/imgcodecs.hpp PATH_SUFFIXES opencv4 REQUIRED)
  add_library(OpenCV::minimal INTERFACE IMPORTED)
  target_include_directories(OpenCV::minimal SYSTEM INTERFACE "${OPENCV_INCLUDE}")
  foreach(library opencv_core opencv_imgproc opencv_imgcodecs)
    find_library(${library}_LIBRARY ${library} REQUIRED)
    target_link_libraries(OpenCV::minimal INTERFACE "${${library}_LIBRARY}")
  endforeach()
  pkg_check_modules(FFMPEG REQUIRED IMPORTED_TARGET libavformat libavcodec libswresample libswscale libavutil)
  set(LIBRARIES_MEDIA ${LIBRARIES_TEXT} OpenCV::minimal PkgConfig::FFMPEG)
endif()
