// Programs that this one starts: without a shell, in a process group of their own (Ctrl-C reaches this program alone,
// which waits), their streams closed to the outside unless said otherwise.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace palimpsest {

// Where a started program's stdin comes from and its stdout and stderr go.
struct ChildStreams {
  int output = -1;      // a descriptor; -1: thrown away
  bool errors = false;  // stderr is heard
  int input = -1;       // a descriptor; -1: nothing to read
};

// Starts arguments[0], found on PATH unless it is a path. IoError naming it when it cannot be started.
pid_t start_program(const std::vector<std::string>& arguments, const ChildStreams& streams = {});

// Waits for it; as waitpid tells it, or -1 when it is no child.
int wait_for_program(pid_t child);

// Runs it with its output thrown away, and waits. IoError when it cannot be started or does not exit with 0.
void run_program(const std::vector<std::string>& arguments);

// The same, returning what it wrote to stdout; what it says on stderr is heard.
std::string program_output(const std::vector<std::string>& arguments);

// Where a program lies, on PATH unless the name is a path; an empty path when it is nowhere.
std::filesystem::path find_program(const std::string& name);

// A pipe whose ends every started program closes.
class Pipe {
 public:
  Pipe();
  ~Pipe();
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reading() const { return ends_[0]; }
  int writing() const { return ends_[1]; }
  void close_writing();
  // All that is written until every writer is gone.
  std::string read_all() const;

 private:
  int ends_[2] = {-1, -1};
};

// A program whose stdout is read as it comes. The destructor ends it.
class ProgramReader {
 public:
  // `stall_seconds`: how long it may say nothing. `input` as of ChildStreams.
  ProgramReader(std::vector<std::string> arguments, double stall_seconds, int input = -1);
  ~ProgramReader();
  ProgramReader(const ProgramReader&) = delete;
  ProgramReader& operator=(const ProgramReader&) = delete;

  // Exactly `count` bytes, or fewer where its output ends. IoError naming it when it stalls.
  std::string read(std::size_t count);
  // Ends it where it still runs and tells how it ended, as waitpid does.
  int finish();

 private:
  std::string name_;
  double stall_seconds_;
  Pipe pipe_;
  pid_t child_ = 0;
  std::string block_;
  std::size_t used_ = 0;  // of the block
  bool ended_ = false;    // its output
};

// A program that is written to and answers. The destructor ends it.
class ProgramDialogue {
 public:
  ProgramDialogue(std::vector<std::string> arguments, double stall_seconds);
  ~ProgramDialogue();
  ProgramDialogue(const ProgramDialogue&) = delete;
  ProgramDialogue& operator=(const ProgramDialogue&) = delete;

  // IoError naming it when it is gone or reads nothing for so long; never a signal.
  void write(std::string_view bytes) const;
  ProgramReader& answers() { return *reader_; }

 private:
  std::string name_;
  int writing_ = -1;
  std::unique_ptr<ProgramReader> reader_;
};

// For a child that reads what others made: it gets so much memory at most, leaves no core, writes no file, and is ended
// once nobody reads what it says. What the process has mapped already counts on top: torch alone maps more than a
// reader may need.
void bound_own_process(std::size_t megabytes);

// A fresh directory under the system's temporary one, removed with everything in it by the destructor.
class ScratchDirectory {
 public:
  explicit ScratchDirectory(const std::string& purpose);
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace palimpsest
