// Losses as nodes, as Apple declares them.
#pragma once

#import <MetalPerformanceShaders/MPSNNGraph.h>

NS_ASSUME_NONNULL_BEGIN

@interface MPSNNForwardLossNode : MPSNNFilterNode {
  MPSCNNLossDescriptor* _descriptor;
}
- (instancetype)initWithSource:(MPSNNImageNode*)source
                        labels:(MPSNNImageNode*)labels
                       weights:(nullable MPSNNImageNode*)weights
                lossDescriptor:(MPSCNNLossDescriptor*)lossDescriptor;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
                        labels:(MPSNNImageNode*)labels
                       weights:(nullable MPSNNImageNode*)weights
                lossDescriptor:(MPSCNNLossDescriptor*)lossDescriptor;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
                        labels:(MPSNNImageNode*)labels
                lossDescriptor:(MPSCNNLossDescriptor*)lossDescriptor;
@end

@interface MPSCNNYOLOLossDescriptor : NSObject <NSCopying> {
  MPSCNNLossDescriptor *_XYLossDescriptor, *_WHLossDescriptor;
  MPSCNNLossDescriptor *_confidenceLossDescriptor, *_classesLossDescriptor;
  MPSCNNReductionType _reductionType;
  BOOL _rescore;
  float _scaleXY, _scaleWH, _scaleNoObject, _scaleObject, _scaleClass;
  float _minIOUForObjectPresence, _maxIOUForObjectAbsence;
  NSUInteger _numberOfAnchorBoxes;
  NSData* _anchorBoxes;
}
@property(nonatomic, readwrite, retain, nullable) MPSCNNLossDescriptor* XYLossDescriptor;
@property(nonatomic, readwrite, retain, nullable) MPSCNNLossDescriptor* WHLossDescriptor;
@property(nonatomic, readwrite, retain, nullable) MPSCNNLossDescriptor* confidenceLossDescriptor;
@property(nonatomic, readwrite, retain, nullable) MPSCNNLossDescriptor* classesLossDescriptor;
@property(nonatomic, readwrite) MPSCNNReductionType reductionType;
@property(nonatomic, readwrite) BOOL rescore;
@property(nonatomic, readwrite) float scaleXY;
@property(nonatomic, readwrite) float scaleWH;
@property(nonatomic, readwrite) float scaleNoObject;
@property(nonatomic, readwrite) float scaleObject;
@property(nonatomic, readwrite) float scaleClass;
@property(nonatomic, readwrite) float minIOUForObjectPresence;
@property(nonatomic, readwrite) float maxIOUForObjectAbsence;
@property(nonatomic, readwrite) NSUInteger numberOfAnchorBoxes;
@property(nonatomic, readwrite, retain, nullable) NSData* anchorBoxes;
+ (MPSCNNYOLOLossDescriptor*)cnnLossDescriptorWithXYLossType:(MPSCNNLossType)type
                                                  WHLossType:(MPSCNNLossType)WHLossType
                                          confidenceLossType:(MPSCNNLossType)confidenceLossType
                                             classesLossType:(MPSCNNLossType)classesLossType
                                               reductionType:(MPSCNNReductionType)reductionType
                                                 anchorBoxes:(NSData*)anchorBoxes
                                         numberOfAnchorBoxes:(NSUInteger)numberOfAnchorBoxes;
@end

@interface MPSCNNYOLOLossNode : MPSNNFilterNode {
  MPSCNNYOLOLossDescriptor* _descriptor;
  MPSNNLabelsNode* _inputLabels;
}
@property(nonatomic, readonly, nullable) MPSNNLabelsNode* inputLabels;
- (instancetype)initWithSource:(MPSNNImageNode*)source
                lossDescriptor:(MPSCNNYOLOLossDescriptor*)lossDescriptor;
+ (instancetype)nodeWithSource:(MPSNNImageNode*)source
                lossDescriptor:(MPSCNNYOLOLossDescriptor*)lossDescriptor;
@end

NS_ASSUME_NONNULL_END
