// Arrays of HDF5 files that others wrote: row i of each is sample i. The files are read by a process of its own with
// bounds on memory and time; nothing in them reaches libhdf5 in this one.
#pragma once

#include "datasets/sources/source_form.h"

namespace palimpsest {

// Streams the rows under the keys NAME:000000 and on. The members that roles name are arrays ("images", "/train/x"):
// bytes [N,H,W], [N,H,W,3] or [N,3,H,W] of pictures; floats or 16-bit numbers [N,S] of sounds, at the role's sample
// rate; texts [N]. `options.fields` are arrays of numbers or texts, one a row. `program` is this program. A file that
// is none, lacks an array, or ends its reader (out of bounds, crashed, silent for too long) is an InputError that names
// it, or one result with an error, as `options` says.
std::unique_ptr<Source> hdf5_source(std::vector<std::filesystem::path> files, const Hdf5Options& options,
                                    MemberRequest request, const std::string& program);

SourceForm hdf5_form();

}  // namespace palimpsest
