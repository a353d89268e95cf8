#include "datasets/sources/folder_source.h"

#include "base/files.h"
#include "datasets/sources/identity.h"
#include "datasets/sources/table.h"

namespace palimpsest {

namespace {

namespace fs = std::filesystem;

struct GroupFile {
  std::string member;
  fs::path path;
};

struct Group {
  std::vector<GroupFile> files;
  nlohmann::json fields = nlohmann::json::object();
  std::string error;
};
using Groups = std::map<std::string, Group>;

std::string lower_case(std::string text) {
  for (char& character : text) {
    if (character >= 'A' && character <= 'Z') character = static_cast<char>(character - 'A' + 'a');
  }
  return text;
}

std::string key_of(const fs::path& relative) { return fs::path(relative).replace_extension().generic_string(); }

// What a member's name ends in: ".png" for png, and as it is for what begins with no letter or digit (_es.ogg).
std::string ending_of(const std::string& member) {
  const bool word = std::isalnum(static_cast<unsigned char>(member.front())) != 0;
  return word ? "." + member : member;
}

// The member that a file is: of those whose ending its name has, in any case, the one with the longest; "" for none.
std::string member_of(const std::string& name, const std::set<std::string>& members) {
  std::string longest;
  for (const std::string& member : members) {
    const std::string ending = ending_of(member);
    if (name.size() > ending.size() && lower_case(name).ends_with(ending) && member.size() >= longest.size())
      longest = member;
  }
  return longest;
}

bool hidden(const fs::path& path) { return path.filename().string().starts_with("."); }

Groups list_files(const fs::path& folder, const std::set<std::string>& extensions) {
  Groups groups;
  for (auto entry = fs::recursive_directory_iterator(folder); entry != fs::recursive_directory_iterator(); ++entry) {
    if (hidden(entry->path())) {
      entry.disable_recursion_pending();
      continue;
    }
    const std::string name = entry->path().lexically_relative(folder).generic_string();
    const std::string member = entry->is_regular_file() ? member_of(name, extensions) : "";
    if (member.empty()) continue;
    groups[name.substr(0, name.size() - ending_of(member).size())].files.push_back({member, entry->path()});
  }
  return groups;
}

// The table's rows as samples: a row's file and its side-files, with the row's fields.
Groups join_table(Groups files, const std::map<std::string, nlohmann::json>& rows, const fs::path& folder) {
  Groups groups;
  for (const auto& [file, fields] : rows) {
    const std::string key = key_of(fs::path(file).lexically_normal());
    Group& group = groups[key];
    if (!group.fields.empty()) group.error = "the table has two rows for it";
    group.fields = fields;
    if (!is_safe_name(file)) {
      group.error = "an unsafe name";
    } else if (!fs::is_regular_file(folder / file)) {
      group.error = "the table names " + file + ", which is not there";
    } else {
      group.files = files[key].files;
    }
  }
  return groups;
}

class FolderReader : public MemberReader {
 public:
  FolderReader(const fs::path& folder, const std::string& table, MemberRequest request) : request_(std::move(request)) {
    if (!fs::is_directory(folder)) throw InputError(folder.string(), "", "is not a folder");
    groups_ = list_files(folder, request_.extensions());
    const fs::path table_path = find_table(folder, table);
    if (!table_path.empty()) groups_ = join_table(std::move(groups_), read_table(table_path), folder);
    at_ = groups_.begin();
  }

  std::optional<Members> next() override {
    while (at_ != groups_.end() && !request_.wants_key(key_of_sample(at_->first))) ++at_;
    if (at_ == groups_.end()) return std::nullopt;
    const auto& [key, group] = *at_++;
    return read_members(key, group);
  }

 private:
  // Keys reach the ledger and are known again from it, whatever the names of the files.
  static std::string key_of_sample(const std::string& key) { return is_safe_name(key) ? key : printable_name(key); }

  Members read_members(const std::string& key, const Group& group) const {
    Members members{.key = key_of_sample(key), .fields = group.fields, .error = group.error};
    if (!is_safe_name(key)) members.error = "an unsafe name";
    for (const GroupFile& file : group.files) {
      if (members.error.empty()) members.error = read_member(file, members);
    }
    return members;
  }

  // Reads one file into the group; returns what is wrong with it.
  std::string read_member(const GroupFile& file, Members& members) const {
    if (members.bytes.contains(file.member)) return "has ." + file.member + " twice, in letters of another case";
    try {
      const std::string wrong =
          request_.too_long(file.member, static_cast<std::int64_t>(fs::file_size(file.path)), members);
      if (!wrong.empty()) return wrong;
      members.bytes.emplace(file.member, read_file(file.path));
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  }

  MemberRequest request_;
  Groups groups_;
  Groups::const_iterator at_;
};

std::string identity_of_folder(const DataOptions& data) {
  const fs::path folder = find_data(data.source, "data.source"), table = find_table(folder, data.table);
  return identity_of_files(folder_files(folder, MemberRequest{data.roles, {}}.extensions()), folder,
                           table.empty() ? "" : hash64_hex(read_file(table)));
}

}  // namespace

fs::path find_table(const fs::path& folder, const std::string& table) {
  if (!table.empty()) return fs::exists(folder / table) ? folder / table : find_data(table, "data.table");
  for (const char* name : {"captions.csv", "captions.tsv", "captions.jsonl"}) {
    if (fs::exists(folder / name)) return folder / name;
  }
  return {};
}

std::vector<fs::path> folder_files(const fs::path& folder, const std::set<std::string>& extensions) {
  std::vector<fs::path> files;
  for (const auto& [key, group] : list_files(folder, extensions)) {
    for (const GroupFile& file : group.files) files.push_back(file.path);
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::unique_ptr<MemberReader> folder_reader(const fs::path& folder, const std::string& table, MemberRequest request) {
  return std::make_unique<FolderReader>(folder, table, std::move(request));
}

std::unique_ptr<Source> folder_source(const fs::path& folder, const std::string& table, MemberRequest request) {
  return member_source(folder_reader(folder, table, request), request);
}

SourceForm folder_form() {
  return {
      "folder",
      "a folder of files KEY.extension, or of files that a table names",
      "",
      [](const fs::path& path) { return fs::is_directory(path); },
      identity_of_folder,
      [](const DataOptions& data, MemberRequest request) {
        return folder_source(find_data(data.source, "data.source"), data.table, std::move(request));
      },
  };
}

}  // namespace palimpsest
