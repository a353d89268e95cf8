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

TEST(ChildProcess, OneIsSpokenWith) {
  ProgramDialogue cat({"cat"}, 60);
  const std::string large(300'000, 'x');
  for (int round = 0; round < 3; ++round) {
    cat.write("abc");
    EXPECT_EQ(cat.answers().read(3), "abc");
  }
  ProgramDialogue counter({"sh", "-c", "head -c 300000 | wc -c"}, 60);
  counter.write(large);
  EXPECT_EQ(counter.answers().read(6), "300000");
}

TEST(ChildProcess, WritingToOneThatIsGoneIsAnErrorAndNoSignal) {
  ProgramDialogue gone({"true"}, 60);
  EXPECT_EQ(gone.answers().read(1), "");
  EXPECT_EQ(gone.answers().finish(), 0);
  EXPECT_THAT(message_of<IoError>([&] {
                for (int round = 0; round < 100; ++round) gone.write(std::string(100'000, 'x'));
              }),
              HasSubstr("true: cannot be written to"));
  ProgramDialogue deaf({"sleep", "1000"}, 0.05);
  EXPECT_THAT(message_of<IoError>([&] { deaf.write(std::string(10 << 20, 'x')); }),
              HasSubstr("sleep: cannot be written"));
}

}  // namespace
}  // namespace palimpsest
