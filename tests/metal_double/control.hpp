#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// What tests tell the stand-in, and ask it.
namespace metal_double {

/// A GPU of the machine that is played.
struct Gpu {
  std::string name;
  bool low_power = false;
  bool headless = false;
  bool removable = false;
  bool unified_memory = false;
  std::uint64_t memory = 8ull << 30;
};

/// The machine's GPUs from now on; the first is the system's default. At first there is one, with
/// unified memory.
void set_gpus(std::vector<Gpu> gpus);

/// Objects that are alive, and those that somebody asked the device for so far: not those that MPS
/// makes for itself.
int live_images();
int live_devices();
int live_command_buffers();
int live_buffers();
int live_states();
int made_images();
int made_buffers();

/// The backend of this library that does the arithmetic: "reference" unless
/// MPSNN_METAL_DOUBLE_USES, of the environment, names another.
std::string arithmetic();

/// Command buffers committed so far. A run may be several: MPS commits an MPSCommandBuffer by
/// parts.
int committed();
/// Lets MPS raise an exception when it has committed so many parts of runs from now on.
void raise_behind_a_part(int nth);

/// Lets the command buffer that is committed as the `nth` from now on, counted from 0, fail with
/// this error when it has done so much of its work, 0 to 1.
void fail_command_buffer(int nth, const std::string& message, double done = 0.5);

}  // namespace metal_double
