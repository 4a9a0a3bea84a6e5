#include <cstring>

#include "bindings/batch.hpp"

using namespace mpsnn;

namespace {

/// The name and kind of each value that steps export.
using Exports = std::vector<std::pair<std::string, TensorDesc>>;

/// A step, and how to show what it exports.
struct PyStep {
  Step step;
  std::shared_ptr<const Exports> exports;
  int images;
  bool loss_per_image;
};

class PyTrainer {
 public:
  PyTrainer(const Graph& graph, ValueId loss, const std::vector<ValueId>& outputs,
            const TrainerOptions& options, const std::vector<std::string>& names)
      : reader_{graph, outputs}, loss_per_image_(graph.has(loss) && graph.desc(loss).batched) {
    auto exports = std::make_shared<Exports>();
    for (std::size_t i = 0; i < options.exports.size(); ++i)
      exports->emplace_back(names.at(i), graph.desc(options.exports[i]));
    exports_ = std::move(exports);
    const py::gil_scoped_release release;  // data sources take it on the engine's thread
    trainer_ = std::make_unique<Trainer>(graph, loss, outputs, options);
  }
  ~PyTrainer() {
    const py::gil_scoped_release release;  // steps in flight may call back
    trainer_.reset();
  }

  Trainer& operator*() const { return *trainer_; }
  const BatchReader& reader() const { return reader_; }
  PyStep show(const Step& step, int images) const {
    return {step, exports_, images, loss_per_image_};
  }

 private:
  BatchReader reader_;
  bool loss_per_image_;
  std::shared_ptr<const Exports> exports_;
  std::unique_ptr<Trainer> trainer_;
};

/// Calls Python on the engine's thread, and lets go of the callable under the GIL.
std::function<void(Step)> on_engine_thread(const py::object& callback, const PyStep& like) {
  if (callback.is_none()) return {};
  if (!PyCallable_Check(callback.ptr())) throw py::type_error("on_complete: must be callable");
  const std::shared_ptr<py::object> held(new py::object(callback), [](py::object* object) {
    const py::gil_scoped_acquire gil;
    delete object;
  });
  return [held, like](const Step& step) {
    const py::gil_scoped_acquire gil;
    try {
      PyStep shown = like;
      shown.step = step;
      (*held)(shown);
    } catch (py::error_already_set& e) {
      e.discard_as_unraisable("mpsnn: completion callback");
    }
  };
}

PyStep train_step(PyTrainer& self, const Arrays& inputs, const py::object& labels,
                  const py::object& weights, const py::object& on_complete,
                  const std::optional<float>& learning_rate) {
  const Batch b = self.reader().batch(inputs, labels, weights);
  auto done = on_engine_thread(on_complete, self.show(Step(nullptr), b.images));
  const py::gil_scoped_release release;
  return self.show((*self).train_step(b.images, b.inputs, b.labels, std::move(done), learning_rate),
                   b.images);
}

Profile profile(PyTrainer& self, const Arrays& inputs, const py::object& labels,
                const py::object& weights, int steps) {
  const Batch b = self.reader().batch(inputs, labels, weights);
  const py::gil_scoped_release release;
  return (*self).profile(b.images, b.inputs, b.labels, steps);
}

std::vector<py::array> infer(PyTrainer& self, const Arrays& inputs) {
  const Batch b = self.reader().batch(inputs, py::none(), py::none());
  std::vector<py::array> arrays = self.reader().new_outputs(b.images);
  each_part(b, (*self).batch(), spans_of(arrays), [&](const Batch& part, const auto& outputs) {
    (*self).infer(part.images, part.inputs, outputs);
  });
  return arrays;
}

std::pair<py::array, std::vector<py::array>> evaluate(PyTrainer& self, const Arrays& inputs,
                                                      const py::object& labels,
                                                      const py::object& weights) {
  const Batch b = self.reader().batch(inputs, labels, weights);
  if (b.images == 0) throw ShapeError("images: not given");
  py::array loss = new_array(DType::float32, Shape{}, b.images);
  std::vector<py::array> arrays = self.reader().new_outputs(b.images);
  std::vector<HostSpan> to = spans_of(arrays);
  to.push_back(span_of(loss));
  each_part(b, (*self).batch(), to, [&](const Batch& part, std::vector<HostSpan> outputs) {
    const HostSpan losses = outputs.back();
    outputs.pop_back();
    (*self).evaluate(part.images, part.inputs, part.labels, losses, outputs);
  });
  return {loss, std::move(arrays)};
}

py::typing::Dict<py::str, py::array> exported(const PyStep& self) {
  {
    const py::gil_scoped_release release;
    self.step.wait();
  }
  py::typing::Dict<py::str, py::array> out;
  for (std::size_t i = 0; i < self.exports->size(); ++i) {
    const auto& [name, desc] = (*self.exports)[i];
    py::array array = new_array(desc.dtype, desc.shape, desc.batched ? self.images : 0);
    std::memcpy(array.mutable_data(), self.step.exports()[i].data, array.nbytes());
    out[py::str(name)] = array;
  }
  return out;
}

void bind_step(py::module_& m) {
  py::class_<PyStep>(m, "Step", "One training step under way.")
      .def(
          "wait", [](const PyStep& self) { self.step.wait(); },
          py::call_guard<py::gil_scoped_release>(),
          "Return when the step has ended.\n\nRaises:\n    Error: What the step failed with.")
      .def(
          "done", [](const PyStep& self) { return self.step.done(); },
          "Whether the step has ended.")
      .def_property_readonly(
          "skipped",
          [](const PyStep& self) {
            const py::gil_scoped_release release;
            return self.step.skipped();
          },
          "Whether a gradient overflowed, so that the step changed nothing but a dynamic loss "
          "scale. Waits for the step.")
      .def_property_readonly(
          "loss",
          [](const PyStep& self) {
            {
              const py::gil_scoped_release release;
              self.step.wait();
            }
            const std::span<const float> loss = self.step.loss();
            py::array out =
                new_array(DType::float32, Shape{}, self.loss_per_image ? self.images : 0);
            std::memcpy(out.mutable_data(), loss.data(), loss.size_bytes());
            return out;
          },
          "The loss of each image, float32 (N,), or of the batch, (). Waits for the step.")
      .def_property_readonly("exported", &exported,
                             "Each value of the trainer's `export`, by its name. Waits.");
}

void bind_reports(py::class_<PyTrainer>& c) {
  c.def("memory_report",
        [](PyTrainer& self) {
          return memory_report([&] { return (*self).training_executable()->memory_report(); });
        })
      .def("implementations",
           [](PyTrainer& self) {
             std::vector<std::pair<std::string, std::string>> out;
             for (const Implementation& i : (*self).training_executable()->implementations())
               out.emplace_back(i.node, i.name);
             return out;
           })
      .def("profile", &profile, "inputs"_a, "labels"_a, "weights"_a, "steps"_a)
      .def_property_readonly(
          "compile_seconds", [](PyTrainer& self) { return (*self).compile_seconds(); },
          "Time that compiling the training step took.")
      .def_property_readonly(
          "busy_seconds",
          [](PyTrainer& self) { return (*self).training_executable()->busy_seconds(); },
          "Time that the engine has spent in training steps so far.")
      .def_property_readonly(
          "graph", [](PyTrainer& self) { return (*self).training_executable()->graph(); },
          "The training graph that runs, after the backend's passes.");
}

}  // namespace

void bind_trainer(py::module_& m) {
  bind_step(m);
  py::class_<PyTrainer> trainer(m, "Trainer");
  trainer
      .def(py::init([](const Graph& graph, ValueId loss, const std::vector<ValueId>& outputs,
                       const Optimizer& optimizer, int batch, const std::string& backend,
                       std::uint64_t seed, int threads, bool check_finite, int in_flight,
                       const std::vector<std::pair<std::string, ValueId>>& exports,
                       std::uint64_t device, const Precision& precision, const LossScale& scale,
                       bool half_accumulators, const std::optional<std::shared_ptr<Trace>>& trace) {
             TrainerOptions options{.optimizer = optimizer,
                                    .batch = batch,
                                    .backend = backend,
                                    .seed = seed,
                                    .threads = threads,
                                    .in_flight = in_flight};
             options.device = device;
             options.precision = precision;
             options.scale = scale;
             options.half_accumulators = half_accumulators;
             options.trace = trace.value_or(nullptr);
             if (!check_finite) options.nan_policy = NanPolicy::propagate;
             std::vector<std::string> names;
             for (const auto& [name, value] : exports) {
               names.push_back(name);
               options.exports.push_back(value);
             }
             return std::make_unique<PyTrainer>(graph, loss, outputs, options, names);
           }),
           "graph"_a, "loss"_a, "outputs"_a, py::kw_only(), "optimizer"_a, "batch"_a, "backend"_a,
           "seed"_a, "threads"_a, "check_finite"_a, "in_flight"_a, "exports"_a, "device"_a,
           "precision"_a, "scale"_a, "half_accumulators"_a, "trace"_a)
      .def("train_step", &train_step, "inputs"_a, "labels"_a, "weights"_a, "on_complete"_a,
           "learning_rate"_a)
      .def("infer", &infer, "inputs"_a)
      .def("evaluate", &evaluate, "inputs"_a, "labels"_a, "weights"_a)
      .def_property(
          "learning_rate", [](PyTrainer& self) { return (*self).learning_rate(); },
          [](PyTrainer& self, float rate) { (*self).set_learning_rate(rate); })
      .def_property_readonly("session", [](PyTrainer& self) { return (*self).session(); })
      .def_property_readonly("backend",
                             [](PyTrainer& self) { return std::string((*self).backend()); })
      .def_property_readonly("batch", [](PyTrainer& self) { return (*self).batch(); })
      .def(
          "wait", [](PyTrainer& self) { (*self).wait(); }, py::call_guard<py::gil_scoped_release>())
      .def(
          "close", [](PyTrainer& self) { (*self).close(); },
          py::call_guard<py::gil_scoped_release>())
      .def_property_readonly("closed", [](PyTrainer& self) { return (*self).closed(); });
  bind_reports(trainer);
}
