#include "mpsnn/profile.hpp"

#include "bindings/bindings.hpp"

using namespace mpsnn;

void bind_profile(py::module_& m) {
  py::class_<NodeProfile>(m, "NodeProfile", "What one node took in a few runs.")
      .def_readonly("text", &NodeProfile::text)
      .def_readonly("op", &NodeProfile::op)
      .def_readonly("label", &NodeProfile::label)
      .def_readonly("implementation", &NodeProfile::implementation)
      .def_readonly("seconds", &NodeProfile::seconds, "Of each call.")
      .def_property_readonly(
          "flops", [](const NodeProfile& n) { return n.work.flops; }, "Of one call.")
      .def_property_readonly(
          "bytes", [](const NodeProfile& n) { return n.work.bytes; }, "Of one call.")
      .def_property_readonly(
          "dtype", [](const NodeProfile& n) { return std::string(name(n.work.dtype)); },
          "What its products read.");
  py::class_<Profile>(m, "Profile", "What the nodes of a graph took in a few runs.")
      .def_readonly("nodes", &Profile::nodes)
      .def_readonly("seconds", &Profile::seconds, "Of each run.");
}
