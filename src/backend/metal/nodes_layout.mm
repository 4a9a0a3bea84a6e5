#include "backend/metal/translation.hpp"
#include "mpsnn/errors.hpp"

namespace mpsnn::metal {
namespace {

MPSNNImageNode* padded(NodeContext& c, MPSNNImageNode* x, const std::array<Dim, 3>& before,
                       const std::array<Dim, 3>& after, MPSImageEdgeMode mode, float value) {
  const auto at = [](const std::array<Dim, 3>& p) {
    return MPSImageCoordinate{static_cast<NSUInteger>(p[1]), static_cast<NSUInteger>(p[0]),
                              static_cast<NSUInteger>(p[2])};
  };
  MPSNNPadNode* node = [MPSNNPadNode nodeWithSource:x
                                  paddingSizeBefore:at(before)
                                   paddingSizeAfter:at(after)
                                           edgeMode:mode];
  node.fillValue = value;
  return c.tape.add(node, {x});
}

/// Side by side in channels where every input fills its slices of four; otherwise the sum of all,
/// each with zeros where the others are.
MPSNNImageNode* concat(NodeContext& c) {
  const int axis =
      image_axis(c.op<Concat>().axis, c.all.graph.desc(c.node.outputs[0]).shape.rank());
  const int count = static_cast<int>(c.node.inputs.size());
  bool whole = axis == 2 && count > 1;
  std::vector<MPSNNImageNode*> images;
  for (int i = 0; i < count; ++i) {
    images.push_back(c.image(i));
    whole = whole && c.in(i)[2] % 4 == 0;
  }
  if (whole) {
    NSArray* sources = [NSArray arrayWithObjects:images.data() count:images.size()];
    return c.tape.add([MPSNNConcatenationNode nodeWithSources:sources], images);
  }
  const Dim total = c.out()[axis];
  MPSNNImageNode* sum = nil;
  Dim first = 0;
  for (int i = 0; i < count; ++i) {
    std::array<Dim, 3> before{}, after{};
    before[axis] = first;
    first += c.in(i)[axis];
    after[axis] = total - first;
    MPSNNImageNode* part = padded(c, images[i], before, after, MPSImageEdgeModeConstant, 0);
    sum = sum == nil ? part
                     : c.tape.add([MPSNNAdditionNode nodeWithLeftSource : sum rightSource : part],
                                  { sum, part });
  }
  return sum;
}

MPSNNImageNode* pad(NodeContext& c) {
  const auto& op = c.op<Pad>();
  const int rank = c.raw(0).rank();
  std::array<Dim, 3> before{}, after{};
  for (int i = 0; i < rank; ++i) {
    before[image_axis(i, rank)] = op.before[i];
    after[image_axis(i, rank)] = op.after[i];
  }
  static const MPSImageEdgeMode modes[] = {MPSImageEdgeModeConstant, MPSImageEdgeModeClamp,
                                           MPSImageEdgeModeMirror, MPSImageEdgeModeMirrorWithEdge};
  return padded(c, c.image(0), before, after, modes[static_cast<int>(op.mode)], op.value);
}

MPSNNImageNode* resize(NodeContext& c) {
  const auto& op = c.op<Resize>();
  const Shape in = c.in(0);
  const auto y = static_cast<NSUInteger>(op.size.h / in[0]);
  const auto x = static_cast<NSUInteger>(op.size.w / in[1]);
  MPSNNImageNode* image = c.image(0);
  if (op.mode == Resize::Mode::nearest)
    return c.tape.add([MPSCNNUpsamplingNearestNode nodeWithSource : image integerScaleFactorX : x
                           integerScaleFactorY : y],
                      { image });
  const BOOL corners = op.coordinates == Resize::Coordinates::align_corners;
  return c.tape.add([MPSCNNUpsamplingBilinearNode nodeWithSource : image integerScaleFactorX : x
                         integerScaleFactorY : y alignCorners : corners],
                    { image });
}

MPSNNImageNode* gram_matrix(NodeContext& c) {
  MPSNNImageNode* x = c.image(0);
  return c.tape.add(
      [MPSNNGramMatrixCalculationNode nodeWithSource : x alpha : c.op<GramMatrix>().alpha], { x });
}

}  // namespace

/// The gradient of a concat by parts of dy alone.
void Translation::take_apart(const Node& node) {
  const auto& op = std::get<Concat>(node.op);
  const Shape whole = image_shape(graph.desc(node.inputs[0]).shape);
  const int axis = image_axis(op.axis, graph.desc(node.inputs[0]).shape.rank());
  Forward made;
  NodeContext c{*this, node, made.tape, made.inputs, made.shapes, made.shape, made.parameters};
  MPSNNImageNode* dy = image(node.inputs[0]);
  Dim first = 0;
  for (std::size_t i = 0; i < op.extents.size(); first += op.extents[i++]) {
    if (!node.outputs[i]) continue;
    MPSNNImageNode* part = part_of(c, dy, whole, axis, first, op.extents[i]);
    part.format = gradient_format;
    images_[home(node.outputs[i])] = {keep(part), image_shape(graph.desc(node.outputs[i]).shape)};
  }
  read_.push_back(dy);
  made.tape.keep_filters(kept);
}

NodeTable layout_nodes() {
  return {on<Concat>(concat), on<Pad>(pad), on<Resize>(resize), on<GramMatrix>(gram_matrix)};
}

}  // namespace mpsnn::metal
