// WebDatasets: tars (plain, gzip, bzip2, xz or zstd) whose neighbouring members KEY.extension make a sample.
#pragma once

#include "datasets/sources/source_form.h"

namespace palimpsest {

// Streams the samples of the tars in order, one in memory at a time, grouped as Python's webdataset groups them: the
// key is the member's path (a leading "./" dropped) up to the first dot of its last part, the extension what follows it
// in lower case; members without an extension or a key, and those named __NAME__, are passed over; a group ends with
// its tar. A group with an unsafe name, a link, a member twice or a key that came before in its tar is a result with an
// error. A tar that is gone, cut or damaged is an InputError that names it, or one result with an error, as `options`
// says.
std::unique_ptr<Source> tar_source(std::vector<std::filesystem::path> tars, const TarOptions& options,
                                   MemberRequest request);

// The same without decoding.
std::unique_ptr<MemberReader> tar_reader(std::vector<std::filesystem::path> tars, const TarOptions& options,
                                         MemberRequest request);

SourceForm tar_form();

}  // namespace palimpsest
