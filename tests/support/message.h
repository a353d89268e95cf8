// The message of the error that an action ends in.
#pragma once

#include <gtest/gtest.h>

#include <string>

namespace palimpsest {

// what() of the Error thrown by `action`; a failed test, and "", when it throws nothing or something else.
template <class Error, class Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  } catch (const std::exception& other) {
    ADD_FAILURE() << "another kind of error: " << other.what();
    return "";
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

}  // namespace palimpsest
