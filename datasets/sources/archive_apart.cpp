// A request is the form (a byte) and the path (a text). The answer: kOpened; of each member kMember, its name, whether
// it is a file (a byte) and its size (int64), then of each piece kPiece, its offset (int64) and its bytes (a text); in
// the end kEnd. Wherever something is wrong: kError and what, and no more.
#include "base/errors.h"
#include "base/failpoint.h"
#include "datasets/sources/archive.h"

namespace palimpsest {

namespace {

constexpr char kOpened = 'o', kMember = 'm', kPiece = 'p', kEnd = 'z', kError = 'e', kTarAsked = 't', kFileAsked = 'f';
constexpr std::size_t kLongestName = 1 << 20,
                      kLongestPiece = 64 << 20;  // bytes; nothing that libarchive gives is longer
// ---- the process that reads ------------------------------------------------------------------------------------

template <class Value>
bool read_value(Value& value) {
  return std::fread(&value, sizeof value, 1, stdin) == 1;
}

// False at the end of what is asked.
bool read_request(ArchiveForm& form, std::string& path) {
  char kind = 0;
  std::uint64_t length = 0;
  if (!read_value(kind) || !read_value(length) || length > kLongestName) return false;
  form = kind == kTarAsked ? ArchiveForm::kTar : ArchiveForm::kFile;
  path.resize(length);
  return std::fread(path.data(), 1, length, stdin) == length;
}

void write_archive(Archive& archive, const ApartWriter& out) {
  out.byte(kOpened);
  while (const auto member = archive.next_member()) {
    failpoint("archive.apart");
    out.byte(kMember);
    out.text(member->name.substr(0, kLongestName));
    out.byte(member->is_file ? 1 : 0);
    out.number(member->size);
    while (const auto piece = archive.next_piece()) {
      out.byte(kPiece);
      out.number(piece->offset);
      out.text(piece->bytes);
    }
    out.flush();  // what comes next may end this process
  }
  out.byte(kEnd);
}

}  // namespace

int serve_archives(const std::vector<std::string>& arguments) {
  if (arguments.size() != 1) return 2;
  bound_own_process(std::stoul(arguments[0]));
  const ApartWriter out;
  ArchiveForm form{};
  for (std::string path; read_request(form, path);) {
    try {
      write_archive(*open_archive(path, form), out);
    } catch (const std::exception& error) {
      out.byte(kError);
      out.text(std::string_view(error.what()).substr(0, kLongestName));
    }
    if (!out.flush()) return 1;
  }
  return 0;
}

// ---- the process that asks -------------------------------------------------------------------------------------

namespace {

// How the process came to its end is told as an error of the archive.
template <class Question>
auto asked(const Question& question) {
  try {
    return question();
  } catch (const IoError& error) {
    throw ArchiveError(error.what());
  }
}

struct ArchiveProcesses {
  ApartOptions options;
  std::unique_ptr<ProgramDialogue> idle = nullptr;  // that has no archive to read
};

// A process that is kept for the next archive once it has told all of this one.
class ArchiveLease {
 public:
  explicit ArchiveLease(std::shared_ptr<ArchiveProcesses> processes)
      : processes_(std::move(processes)), dialogue_(std::move(processes_->idle)) {
    const ApartOptions& options = processes_->options;
    const std::vector<std::string> command{options.program, kReadArchives, std::to_string(options.memory_mb)};
    if (!dialogue_) dialogue_ = std::make_unique<ProgramDialogue>(command, options.stall_seconds);
  }
  ~ArchiveLease() {
    if (told) processes_->idle = std::move(dialogue_);
  }
  ArchiveLease(const ArchiveLease&) = delete;
  ArchiveLease& operator=(const ArchiveLease&) = delete;

  void ask(const std::string& path, char form) const {
    const auto length = static_cast<std::uint64_t>(path.size());
    dialogue_->write(std::string(1, form) + std::string(reinterpret_cast<const char*>(&length), sizeof length) + path);
  }
  ProgramReader& answers() const { return dialogue_->answers(); }

  bool told = false;

 private:
  std::shared_ptr<ArchiveProcesses> processes_;
  std::unique_ptr<ProgramDialogue> dialogue_;
};

class ApartArchive : public Archive {
 public:
  ApartArchive(std::shared_ptr<ArchiveProcesses> processes, const std::filesystem::path& path, ArchiveForm form)
      : lease_(std::move(processes)), process_(lease_.answers()) {
    asked([&] { lease_.ask(path.string(), form == ArchiveForm::kTar ? kTarAsked : kFileAsked); });
    take(kOpened);
  }

  std::optional<ArchiveMember> next_member() override {
    while (next_piece()) {
    }
    if (word() == kEnd) return std::nullopt;
    take(kMember);
    return asked([this] {
      ArchiveMember member;
      member.name = read_text(process_, kLongestName);
      member.is_file = read_number<char>(process_) != 0;
      member.size = read_number<std::int64_t>(process_);
      if (member.size < 0) throw ArchiveError(kLedAstray);
      return member;
    });
  }

  std::optional<ArchivePiece> next_piece() override {
    if (word() != kPiece) return std::nullopt;
    take(kPiece);
    return asked([this] {
      const auto offset = read_number<std::int64_t>(process_);
      piece_ = read_text(process_, kLongestPiece);
      return ArchivePiece{offset, piece_};
    });
  }

 private:
  // What comes next.
  char word() {
    if (!word_) {
      word_ = asked([this] { return read_number<char>(process_); });
      if (*word_ == kError) error_ = asked([this] { return read_text(process_, kLongestName); });
      lease_.told = *word_ == kEnd || *word_ == kError;
    }
    if (*word_ == kError) throw ArchiveError(error_);
    return *word_;
  }
  void take(char expected) {
    if (word() != expected) throw ArchiveError(kLedAstray);
    word_.reset();
  }

  ArchiveLease lease_;
  ProgramReader& process_;
  std::string error_;
  std::optional<char> word_;  // that was read and not taken
  std::string piece_;
};

}  // namespace

ArchiveOpener apart_archives(ApartOptions options) {
  const auto processes = std::make_shared<ArchiveProcesses>(ArchiveProcesses{std::move(options)});
  return [processes](const std::filesystem::path& path, ArchiveForm form) {
    return std::make_unique<ApartArchive>(processes, path, form);
  };
}

}  // namespace palimpsest
