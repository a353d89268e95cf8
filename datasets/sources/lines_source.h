// A file of lines, each a sample of text: plain (.txt), or a JSON object whose fields are the sample's (.jsonl).
#pragma once

#include "datasets/sources/source_form.h"

namespace palimpsest {

inline constexpr std::size_t kLongestLine = 1 << 20;  // bytes

// Is it a file whose lines are samples, by its extension?
bool is_lines_file(const std::filesystem::path& path);

// Streams the lines in order; the key of a line is the file's name and its number from 1 (phrases:000017), so that a
// file that grows at its end keeps its keys. A plain line is the member `txt`. Empty lines are no samples; one that is
// no JSON object, or longer than kLongestLine, is a result with an error.
std::unique_ptr<Source> lines_source(const std::filesystem::path& path, MemberRequest request);

SourceForm lines_form();

}  // namespace palimpsest
