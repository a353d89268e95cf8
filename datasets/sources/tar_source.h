// A WebDataset: a tar (plain, gzip, bzip2, xz or zstd) whose neighbouring members KEY.extension make a sample.
#pragma once

#include "datasets/sources/source_form.h"

namespace palimpsest {

// Streams the samples in the tar's order, one in memory at a time. The key is the member's path up to the first dot of
// its last part. A group with an unsafe name, a link or a member twice is a result with an error; a tar that is damaged
// as a whole is an InputError, on opening or from next().
std::unique_ptr<Source> tar_source(const std::filesystem::path& path, MemberRequest request);

SourceForm tar_form();

}  // namespace palimpsest
