// Texts whose lines, paragraphs or fortunes are samples: plain, or a JSON object a line (.jsonl); packed or not.
#pragma once

#include "datasets/sources/source_form.h"

namespace palimpsest {

inline constexpr std::size_t kLongestLine = 1 << 20;  // bytes of a sample

// Is it a file whose lines are samples, by its ending?
bool is_lines_file(const std::filesystem::path& path);

// Streams the samples in order; the key is the file's name and the number from 1 of the sample's first line
// (phrases:000017), so that a file that grows at its end keeps its keys. Plain text is the member `txt`. Empty lines
// are no samples; one that is no JSON object, or longer than kLongestLine, is a result with an error, and no more than
// that of it is ever in memory. InputError naming the file: one that is packed and cut.
std::unique_ptr<Source> lines_source(std::vector<std::filesystem::path> files, const LinesOptions& options,
                                     MemberRequest request);

SourceForm lines_form();

}  // namespace palimpsest
