#pragma once

#include <optional>
#include <span>

#include "backend/metal/finite.hpp"
#include "backend/metal/gpu.hpp"
#include "backend/metal/program.hpp"
#include "backend/metal/rules.hpp"

/// For .mm files alone.
namespace mpsnn::metal {

/// What all data sources of a program know of the run that is encoded now.
struct CurrentRun {
  RunAt run;
  StepRates rates;
  FiniteCheck* finite = nullptr;  ///< Null: nobody asks whether gradients are.
};

/// The parameters of one node, as its data source lends them and takes their gradients.
class Parameters {
 public:
  struct Tensor {
    Region master;
    std::unique_ptr<Rule> rule;     ///< Null: the device does not update it.
    int check = -1;                 ///< In FiniteCheck, if there is one.
    std::vector<Region> gradients;  ///< By slot, where somebody reads the gradient; else empty.
  };

  Parameters(std::string label, Gpu& gpu, const CurrentRun& current)
      : label(std::move(label)), gpu(gpu), current(current) {}

  /// Encodes what is to be done with the gradients, one per tensor; a null buffer has none.
  /// Returns whether a tensor changes.
  bool take(id<MTLCommandBuffer> buffer, std::span<const Region> gradients);
  /// Whether `take` does anything.
  bool wanted() const;

  const std::string label;
  Gpu& gpu;
  const CurrentRun& current;
  std::vector<Tensor> tensors;
  /// Of a batch_norm: its running statistics, where the graph updates them.
  std::optional<MovingAverage> running_mean, running_variance;
  Dim unbiased_pixels = 0;  ///< Of the variance.
};

/// Gives up a place that a state was read in.
void drop_read(MPSState* state);

}  // namespace mpsnn::metal
