// Every test program: the process as the program has it, one thread for torch, then GoogleTest.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "base/machine.h"

int main(int argc, char** argv) {
  palimpsest::prepare_process();
  at::set_num_threads(1);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
