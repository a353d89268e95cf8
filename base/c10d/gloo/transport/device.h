// A network device; torch makes it from a host's name.
#pragma once

namespace gloo::transport {

class Device;

}  // namespace gloo::transport
