#include "metal_double/graph_steps.hpp"
#include "metal_double/loss.hpp"

#include <algorithm>

using metal_double::Filter;
using metal_double::format_of;
using metal_double::refuse;
using metal_double::Step;
using metal_double::store;
using metal_double::Tensor;
using metal_double::Values;
using mpsnn::Shape;

void StandInGraph::visit(MPSNNImageNode* image) {
  if (MPSNNFilterNode* producer = [image standInProducer]) {
    visit(producer);
  } else if (std::ranges::find(sources, image) == sources.end()) {
    [kept addObject:image];
    sources.push_back(image);
  }
}

int StandInGraph::visit(MPSNNFilterNode* node) {
  if (const auto it = step_of.find(node); it != step_of.end()) return it->second;
  Step step;
  step.node = node;
  if (MPSNNFilterNode* forward = [node standInForward]) {
    step.forward = visit(forward);
    step.filter = steps[step.forward].filter;
  }
  for (MPSNNImageNode* source in [node standInSources]) visit(source);
  if ([node standInIsLoss])
    losses.push_back(node);
  else if (step.forward < 0)
    step.filter = [node standInFilter:device];
  [kept addObject:node];
  if (node.resultImage.exportFromGraph) exported.push_back(node.resultImage);
  steps.push_back(step);
  return step_of[node] = static_cast<int>(steps.size()) - 1;
}

void StandInGraph::require(MPSNNImageNode* image) {
  if (MPSNNFilterNode* producer = [image standInProducer]) require(step_of.at(producer));
}

void StandInGraph::require(int index) {
  if (steps[index].needed) return;
  steps[index].needed = true;
  if (steps[index].forward >= 0) require(steps[index].forward);
  for (MPSNNImageNode* source in [steps[index].node standInSources]) require(source);
}

/// A filter is there for a needed result, for an image that is exported, or for an update.
void StandInGraph::mark_needed() {
  for (std::size_t i = 0; i < results.size(); ++i)
    if (result_needed[i]) require(results[i]);
  for (MPSNNImageNode* image : exported) require(image);
  for (int i = 0; i < static_cast<int>(steps.size()); ++i)
    if (updates(steps[i])) require(i);
}

MPSImageFeatureChannelFormat metal_double::format_of(MPSNNImageNode* image,
                                                     MPSImageFeatureChannelFormat graph) {
  return image.format == MPSImageFeatureChannelFormatNone ? graph : image.format;
}

void metal_double::store(Values& values, MPSNNImageNode* image, Tensor tensor,
                         MPSImageFeatureChannelFormat format) {
  tensor.shape = metal_double::as_image(tensor.shape);
  if (format == MPSImageFeatureChannelFormatFloat16) metal_double::round_to_half(tensor.values);
  values.images[image] = std::move(tensor);
}

namespace {

std::vector<Tensor> operands(Values& values, MPSNNFilterNode* node, const Filter& filter) {
  std::vector<Tensor> in;
  for (MPSNNImageNode* source in [node standInSources]) in.push_back(values.images.at(source));
  in.insert(in.end(), filter.parameters.begin(), filter.parameters.end());
  return in;
}

Tensor image_of(const Tensor& batch, int i) {
  if (batch.images == 0) return batch;
  const auto size = static_cast<std::size_t>(batch.shape.size());
  return {
      batch.shape, 1,
      std::vector<float>(batch.values.begin() + i * size, batch.values.begin() + (i + 1) * size)};
}

}  // namespace

void StandInGraph::forward(id<StandInEncoding> buffer, int index, int images,
                           const std::shared_ptr<Values>& values,
                           std::map<MPSNNImageNode*, Shape>& shapes,
                           MPSImageFeatureChannelFormat format) {
  const Step& step = steps[index];
  std::vector<Shape> from;
  for (MPSNNImageNode* source in [step.node standInSources]) from.push_back(shapes.at(source));
  const bool trained =
      std::ranges::any_of(steps, [&](const Step& s) { return s.needed && s.forward == index; });
  if (trained) values->gradients[index] = step.filter->gradients(images);
  MPSNNImageNode* result = step.node.resultImage;
  shapes[result] = step.filter->result(from);
  const mpsnn::Op op = step.filter->op(from);
  const MPSImageFeatureChannelFormat to = format_of(result, format);
  [buffer encode:[this, index, values, op, result, to] {
    const Step& s = steps[index];
    std::vector<Tensor> out = arithmetic.forward(op, operands(*values, s.node, *s.filter));
    if (const auto it = values->gradients.find(index); it != values->gradients.end())
      it->second->forward(out);
    store(*values, result, std::move(out[0]), to);
  }];
}

void StandInGraph::backward(id<StandInEncoding> buffer, int index,
                            const std::shared_ptr<Values>& values,
                            std::map<MPSNNImageNode*, Shape>& shapes,
                            MPSImageFeatureChannelFormat format) {
  const Step& step = steps[index];
  MPSNNFilterNode* forward = steps[step.forward].node;
  std::vector<Shape> from;
  for (MPSNNImageNode* source in [forward standInSources]) from.push_back(shapes.at(source));
  (void)step.filter->result(from);
  const mpsnn::Op op = step.filter->op(from);
  MPSNNImageNode *dy = [[step.node standInSources] objectAtIndex:0], *dx = step.node.resultImage;
  const NSUInteger which = [step.node standInIndex];
  if (shapes.at(dy) != shapes.at(forward.resultImage))
    refuse(@"%@: the gradient is of another size than the result", [forward class]);
  shapes[dx] = from[which];
  const MPSImageFeatureChannelFormat to = format_of(dx, format);
  [buffer encode:[this, index, forward, values, op, dy, dx, which, to] {
    const Step& s = steps[index];
    Tensor gradient = values->images.at(dy);
    std::vector<Tensor> in = operands(*values, forward, *s.filter);
    const std::size_t parts = s.filter->per_image() ? gradient.images : 1;
    Tensor all{in[which].shape, gradient.images, {}};
    for (std::size_t i = 0; i < parts; ++i) {
      std::vector<Tensor> one;
      for (const Tensor& t : in) one.push_back(parts == 1 ? t : image_of(t, i));
      Tensor part = parts == 1 ? gradient : image_of(gradient, i);
      part.shape = arithmetic.forward(op, one)[0].shape;
      const std::vector<Tensor> out = arithmetic.gradient(op, one, part);
      all.values.insert(all.values.end(), out[which].values.begin(), out[which].values.end());
      values->gradients.at(s.forward)->backward(
          {out.begin() + static_cast<long>([[forward standInSources] count]) - 1, out.end()});
    }
    store(*values, dx, std::move(all), to);
  }];
  if (updates(step)) step.filter->update(buffer, values->gradients.at(step.forward));
}

/// Images of the allocator, into which the GPU copies a value.
MPSImageBatch* StandInGraph::hand_out(id<StandInEncoding> buffer, MPSNNImageNode* node,
                                      id<MPSImageAllocator> allocator, int images,
                                      const Shape& shape, const std::shared_ptr<Values>& values,
                                      MPSImageFeatureChannelFormat format) {
  if (allocator == nil) return [NSArray array];  // temporary ones, of which nothing is left
  MPSImageDescriptor* descriptor =
      [MPSImageDescriptor imageDescriptorWithChannelFormat:format_of(node, format)
                                                     width:static_cast<NSUInteger>(shape[1])
                                                    height:static_cast<NSUInteger>(shape[0])
                                           featureChannels:static_cast<NSUInteger>(shape[2])];
  MPSKernel* kernel = [[[MPSKernel alloc] initWithDevice:device] autorelease];
  MPSImageBatch* batch = [allocator imageBatchForCommandBuffer:buffer
                                               imageDescriptor:descriptor
                                                        kernel:kernel
                                                         count:static_cast<NSUInteger>(images)];
  if ([batch count] != static_cast<NSUInteger>(images))
    refuse(@"the allocator made too few images");
  for (MPSImage* image in batch)
    if (image.width != descriptor.width || image.height != descriptor.height ||
        image.featureChannels != descriptor.featureChannels ||
        image.featureChannelFormat != descriptor.channelFormat)
      refuse(@"the allocator made images of another size or format");
  [buffer keep:batch];
  const bool synchronized = node.synchronizeResource;
  [buffer encode:[batch, node, values, synchronized] {
    const Tensor& all = values->images.at(node);
    for (NSUInteger i = 0; i < [batch count]; ++i) {
      MPSImage* image = [batch objectAtIndex:i];
      [image setStandInValues:image_of(all, static_cast<int>(i)).values];
      if (!synchronized) [image standInWrittenByGpu];
    }
  }];
  return batch;
}
