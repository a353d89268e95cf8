// IDX files, the form of MNIST and its family: one file of pictures, one of labels, packed or not.
#pragma once

#include "datasets/sources/source_form.h"

namespace palimpsest {

// Streams the pictures in order under the keys NAME:000000 and on, as the member `image` (grey [N,H,W] made RGB, or
// [N,H,W,3]), with the fields `label` and, where classes are named, `class`. InputError naming the file: not IDX, not
// bytes, another number of labels than pictures, a file that is cut; a label without a name is its sample's error.
std::unique_ptr<Source> idx_source(const std::filesystem::path& pictures, const IdxOptions& options,
                                   MemberRequest request);

SourceForm idx_form();

}  // namespace palimpsest
