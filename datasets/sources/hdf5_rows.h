// The rows of an HDF5 file that others wrote, as a plain stream. It runs in a process of its own, with bounds, for
// libhdf5 can be led astray by a file.
#pragma once

#include <string>
#include <vector>

#include "base/apart_stream.h"

namespace palimpsest {

inline constexpr char kHeadFollows = 2, kRowFollows = 0, kErrorFollows = 1;

// The stream, numbers and texts as ApartWriter writes them: kHeadFollows and a text of JSON, {"rows": N, "arrays":
// [{"name", "kind": "bytes" | "floats" | "text" | "number", "shape", "scale"}]}; for each row kRowFollows, then of each
// array its values: bytes; floats (float32, to be divided by scale); a number (float64); a text. Or, in the place of
// any of these, kErrorFollows, a text, and nothing more. Nothing but the file at `path` is opened: no plugins, external
// links or external storage.
void write_hdf5_rows(const std::string& path, const std::vector<std::string>& arrays, const ApartWriter& out);

// `palimpsest read-hdf5 MEGABYTES FILE ARRAY...`, which only the program itself calls.
inline constexpr const char* kReadHdf5 = "read-hdf5";
int serve_hdf5_rows(const std::vector<std::string>& arguments);

}  // namespace palimpsest
