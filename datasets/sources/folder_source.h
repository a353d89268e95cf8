// One's own folder: pictures (or sounds) with side-files of the same name (apple.jpg, apple.txt), or with a table that names them.
#pragma once

#include "datasets/sources/members.h"

namespace palimpsest {

// Streams the samples of a folder and its sub-folders in the bytewise order of their keys (path without extension). With a table
// (`table`, or captions.csv / captions.jsonl in the folder) its rows are the samples. InputError: no folder, a table that is wrong.
std::unique_ptr<Source> folder_source(const std::filesystem::path& folder, const std::string& table, MemberRequest request);

}  // namespace palimpsest
