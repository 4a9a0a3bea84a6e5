#include "metal_double/recurrent.hpp"

using metal_double::contents;
using metal_double::Part;
using metal_double::refuse;
using metal_double::row;
using metal_double::Tensor;
using mpsnn::Dim;

namespace {

NSArray<MPSMatrix*>* matrices(id<MTLDevice> device, NSUInteger size) {
  MPSMatrixDescriptor* d = [MPSMatrixDescriptor matrixDescriptorWithRows:1
                                                                 columns:size
                                                                rowBytes:size * sizeof(float)
                                                                dataType:MPSDataTypeFloat32];
  id<MTLBuffer> buffer = StandInBufferOf(device, size);
  std::fill_n(contents(buffer), size, 0.0f);
  return [NSArray arrayWithObject:[[[MPSMatrix alloc] initWithBuffer:buffer
                                                          descriptor:d] autorelease]];
}

/// The sequence that so many matrices are, each with one row per image.
struct Sequence {
  NSArray<MPSMatrix*>* all;
  std::vector<NSUInteger> offsets;

  Sequence(NSArray<MPSMatrix*>* m, const NSUInteger* o) : all(m), offsets([m count]) {
    if (o) std::copy_n(o, offsets.size(), offsets.begin());
    for (NSUInteger t = 0; t < [all count]; ++t) {
      MPSMatrix* one = [all objectAtIndex:t];
      if ([one.data length] <
          one.offset + offsets[t] + (one.rows - 1) * one.rowBytes + one.columns * sizeof(float))
        refuse(@"a matrix of a sequence goes beyond its buffer");
    }
  }
  Dim steps() const { return static_cast<Dim>([all count]); }
  MPSMatrix* at(NSUInteger t) const { return [all objectAtIndex:t]; }
  Tensor read() const {
    const NSUInteger images = at(0).rows, width = at(0).columns;
    Tensor out{{steps(), static_cast<Dim>(width)}, static_cast<int>(images), {}};
    for (NSUInteger n = 0; n < images; ++n)
      for (NSUInteger t = 0; t < [all count]; ++t) {
        const float* from = row(at(t), offsets[t], n);
        out.values.insert(out.values.end(), from, from + width);
      }
    return out;
  }
  void write(const std::vector<float>& values) const {
    const NSUInteger images = at(0).rows, width = at(0).columns;
    const float* from = values.data();
    for (NSUInteger n = 0; n < images; ++n)
      for (NSUInteger t = 0; t < [all count]; ++t, from += width)
        std::copy_n(from, width, row(at(t), offsets[t], n));
  }
};

}  // namespace

@implementation MPSRNNMatrixTrainingState
@end
@implementation MPSRNNRecurrentMatrixState
@end

@implementation MPSRNNMatrixTrainingLayer
- (instancetype)initWithDevice:(id<MTLDevice>)device
                 rnnDescriptor:(MPSRNNDescriptor*)rnnDescriptor
              trainableWeights:(NSMutableArray<MPSMatrix*>*)trainableWeights {
  if (!(self = [self initWithDevice:device])) return nil;
  if (!rnnDescriptor.useFloat32Weights) refuse(@"the stand-in has recurrent weights of float32");
  _recurrent = metal_double::recurrent_of(rnnDescriptor);
  NSArray<MPSMatrix*>* all = matrices(device, _recurrent->total);
  [trainableWeights addObjectsFromArray:all];
  float* weights = row([all objectAtIndex:0], 0, 0);
  for (const Part& p : _recurrent->parts)
    _recurrent->each(p, [&](NSUInteger own, NSUInteger at) { weights[at] = p.first[own]; });
  return self;
}
- (void)createWeightGradientMatrices:(NSMutableArray<MPSMatrix*>*)matricesOut
                            dataType:(MPSDataType)dataType {
  [matricesOut addObjectsFromArray:matrices(self.device, _recurrent->total)];
}
- (void)encodeCopyWeightsToCommandBuffer:(id<MTLCommandBuffer>)buffer
                                 weights:(NSArray<MPSMatrix*>*)weights
                                matrixId:(MPSRNNMatrixId)matrixId
                                  matrix:(MPSMatrix*)matrix
                 copyFromWeightsToMatrix:(BOOL)copyFromWeightsToMatrix
                            matrixOffset:(MTLOrigin)matrixOffset {
  const Part& part = _recurrent->part(matrixId);
  if (matrix.rows != part.rows || matrix.columns != part.columns)
    refuse(@"matrix %d is %d by %d, and is copied as %d by %d", (int)matrixId, (int)part.rows,
           (int)part.columns, (int)matrix.rows, (int)matrix.columns);
  MPSMatrix* own = [weights objectAtIndex:0];
  [(id<StandInEncoding>)buffer keep:own];
  [(id<StandInEncoding>)buffer keep:matrix];
  [(id<StandInEncoding>)buffer encode:[=, recurrent = _recurrent, p = &part] {
    recurrent->each(*p, [&](NSUInteger at, NSUInteger hidden) {
      float& theirs = row(matrix, 0, at / p->columns)[at % p->columns];
      float& ours = row(own, 0, 0)[hidden];
      (copyFromWeightsToMatrix ? theirs : ours) = copyFromWeightsToMatrix ? ours : theirs;
    });
  }];
}
- (void)encodeForwardSequenceToCommandBuffer:(id<MTLCommandBuffer>)buffer
                              sourceMatrices:(NSArray<MPSMatrix*>*)sourceMatrices
                               sourceOffsets:(NSUInteger*)sourceOffsets
                         destinationMatrices:(NSArray<MPSMatrix*>*)destinationMatrices
                          destinationOffsets:(NSUInteger*)destinationOffsets
                              trainingStates:
                                  (NSMutableArray<MPSRNNMatrixTrainingState*>*)trainingStates
                         recurrentInputState:(MPSRNNRecurrentMatrixState*)recurrentInputState
                       recurrentOutputStates:
                           (NSMutableArray<MPSRNNRecurrentMatrixState*>*)recurrentOutputStates
                                     weights:(NSArray<MPSMatrix*>*)weights {
  if (recurrentInputState != nil) refuse(@"the stand-in starts at zero");
  for (NSUInteger t = 0; t < [sourceMatrices count]; ++t)
    [trainingStates addObject:[[[MPSRNNMatrixTrainingState alloc] init] autorelease]];
  const Sequence x(sourceMatrices, sourceOffsets), y(destinationMatrices, destinationOffsets);
  NSArray* kept = [NSArray arrayWithObjects:sourceMatrices, destinationMatrices, weights, nil];
  [(id<StandInEncoding>)buffer keep:kept];
  [(id<StandInEncoding>)buffer encode:[=, recurrent = _recurrent] {
    std::vector<Tensor> in = {x.read()};
    for (Tensor& t : recurrent->operands(row([[kept objectAtIndex:2] objectAtIndex:0], 0, 0)))
      in.push_back(std::move(t));
    y.write(recurrent->arithmetic.forward(recurrent->op, in)[0].values);
  }];
}
- (void)encodeGradientSequenceToCommandBuffer:(id<MTLCommandBuffer>)buffer
                               forwardSources:(NSArray<MPSMatrix*>*)forwardSources
                         forwardSourceOffsets:(NSUInteger*)forwardSourceOffsets
                              sourceGradients:(NSArray<MPSMatrix*>*)sourceGradients
                        sourceGradientOffsets:(NSUInteger*)sourceGradientOffsets
                         destinationGradients:(NSArray<MPSMatrix*>*)destinationGradients
                           destinationOffsets:(NSUInteger*)destinationOffsets
                              weightGradients:(NSArray<MPSMatrix*>*)weightGradients
                               trainingStates:(NSArray<MPSRNNMatrixTrainingState*>*)trainingStates
                          recurrentInputState:(MPSRNNRecurrentMatrixState*)recurrentInputState
                        recurrentOutputStates:
                            (NSMutableArray<MPSRNNRecurrentMatrixState*>*)recurrentOutputStates
                                      weights:(NSArray<MPSMatrix*>*)weights {
  if ([trainingStates count] != [forwardSources count])
    refuse(@"%d training states for %d steps", (int)[trainingStates count],
           (int)[forwardSources count]);
  const Sequence x(forwardSources, forwardSourceOffsets);
  const Sequence dy(sourceGradients, sourceGradientOffsets);
  const Sequence dx(destinationGradients, destinationOffsets);
  NSMutableArray* kept = [NSMutableArray array];
  [(id<StandInEncoding>)buffer keep:kept];
  [kept addObject:weights];
  [kept addObject:weightGradients];
  [kept addObject:forwardSources];
  [kept addObject:sourceGradients];
  if (destinationGradients != nil) [kept addObject:destinationGradients];
  [(id<StandInEncoding>)buffer encode:[=, recurrent = _recurrent] {
    std::vector<Tensor> in = {x.read()};
    for (Tensor& t : recurrent->operands(row([[kept objectAtIndex:0] objectAtIndex:0], 0, 0)))
      in.push_back(std::move(t));
    const std::vector<Tensor> d = recurrent->arithmetic.gradient(recurrent->op, in, dy.read());
    if (dx.all != nil) dx.write(d[0].values);
    float* to = row([[kept objectAtIndex:1] objectAtIndex:0], 0, 0);
    for (const Part& p : recurrent->parts)
      recurrent->each(p, [&](NSUInteger own, NSUInteger at) {
        to[at] = d[p.input].values[p.gate * p.size() + own];
      });
  }];
}
@end
