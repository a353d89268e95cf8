// One's own folder: pictures (or sounds) with side-files of the same name (apple.jpg, apple.txt), or with a table that
// names them.
#pragma once

#include "datasets/sources/source_form.h"

namespace palimpsest {

// Streams the samples of a folder and its sub-folders in the bytewise order of their keys (path without extension).
// A role may name longer endings (_fr.ogg, seg.png): the longest that a file has is its member. With a table (`table`,
// or captions.csv, .tsv or .jsonl in the folder) its rows are the samples. InputError: no folder, a table
// that is wrong.
std::unique_ptr<Source> folder_source(const std::filesystem::path& folder, const std::string& table,
                                      MemberRequest request);

// The same without decoding.
std::unique_ptr<MemberReader> folder_reader(const std::filesystem::path& folder, const std::string& table,
                                            MemberRequest request);

// The files with one of these extensions that samples may be made of: hidden ones and those in hidden folders are not.
std::vector<std::filesystem::path> folder_files(const std::filesystem::path& folder,
                                                const std::set<std::string>& extensions);

// Where the folder's table lies (it may not exist); empty when it has none.
std::filesystem::path find_table(const std::filesystem::path& folder, const std::string& table);

SourceForm folder_form();

}  // namespace palimpsest
