// The rows of an HDF5 file that others wrote, as a plain stream. It runs in a process of its own, with bounds, for
// libhdf5 can be led astray by a file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace palimpsest {

// `palimpsest read-hdf5 MEGABYTES FILE ARRAY...`, which only the program itself calls. To stdout:
//   one line of JSON: {"rows": N, "arrays": [{"name", "kind": "bytes" | "floats" | "text" | "number", "shape",
//   "scale"}]} or {"error": "..."} and nothing more; for each row the byte 0, then of each array its values: bytes;
//   floats (float32, to be divided by scale); a number (float64); of a text its length (uint32) and bytes. Or the byte
//   1 and an error's length and text, and nothing more.
// Numbers are in the machine's byte order. Nothing but FILE is opened: no plugins, external links or external storage.
inline constexpr const char* kReadHdf5 = "read-hdf5";
int serve_hdf5_rows(const std::vector<std::string>& arguments);

inline constexpr char kRowFollows = 0, kErrorFollows = 1;

}  // namespace palimpsest
