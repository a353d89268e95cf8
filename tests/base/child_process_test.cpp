#include "base/child_process.h"

#include <gmock/gmock.h>
#include <sys/wait.h>

#include <csignal>

#include "base/errors.h"
#include "tests/support/message.h"

namespace palimpsest {
namespace {

using testing::HasSubstr;

TEST(ChildProcess, OutputIsReturnedAndFailureIsAnError) {
  EXPECT_EQ(program_output({"printf", "%s", "a b; c"}), "a b; c");
  run_program({"true"});
  EXPECT_THAT(message_of<IoError>([] { run_program({"false"}); }), HasSubstr("false: ended with status 1"));
  EXPECT_THAT(message_of<IoError>([] { run_program({"no-such-program-here"}); }),
              HasSubstr("no-such-program-here: cannot be started"));
}

TEST(ChildProcess, ProgramsAreFoundOnThePathOrWhereTheyLie) {
  const std::filesystem::path shell = find_program("sh");
  EXPECT_FALSE(shell.empty());
  EXPECT_EQ(find_program(shell.string()), shell);
  EXPECT_TRUE(find_program("/no/such/sh").empty());
  EXPECT_TRUE(find_program("no-such-program-here").empty());
}

TEST(ChildProcess, OutputIsReadAsItComes) {
  ProgramReader reader({"sh", "-c", "printf abcdef; exit 3"}, 60);
  EXPECT_EQ(reader.read(4), "abcd");
  EXPECT_EQ(reader.read(4), "ef");
  EXPECT_EQ(reader.read(4), "");
  const int status = reader.finish();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 3);
}

TEST(ChildProcess, OneThatStallsIsAnErrorAndIsEnded) {
  ProgramReader reader({"sleep", "1000"}, 0.05);
  EXPECT_THAT(message_of<IoError>([&] { reader.read(1); }), HasSubstr("sleep: said nothing for 0.05"));
  const int status = reader.finish();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

}  // namespace
}  // namespace palimpsest
