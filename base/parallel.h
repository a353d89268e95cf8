// Work shared among ATen's threads. (at::parallel_for runs serially in sources compiled without OpenMP, as ours are but
// for the one behind this header.)
#pragma once

#include <c10/util/FunctionRef.h>

#include <cstdint>

namespace palimpsest {

// Calls act(first, last) for parts that cover [begin, end) once, none smaller than `grain` but the last. Inside another
// call, with one thread or too little work it is one call on this thread. Which thread takes which part must not
// matter.
void parallel_for(std::int64_t begin, std::int64_t end, std::int64_t grain,
                  c10::function_ref<void(std::int64_t, std::int64_t)> act);

// at::set_num_threads for threads that may call it at once: ATen's own then ends the program ("Invalid thread pool").
void set_num_threads(int threads);

}  // namespace palimpsest
