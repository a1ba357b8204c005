"""A narrow HRNet for small pedestrian crops: MMPose 1.x config of the model, of its input and of its training.

The network is MMPose's HRNet (Sun et al., CVPR 2019) with branches of 16, 32, 64 and 128 channels; heatmaps follow
UDP (Huang et al., CVPR 2020). The weights lie beside this file; docs/model-card.md says what they are good for.
Transforms named Weigh*, Trim*, Jitter* and Erase* are registered by pipeline.pose_training.augment; only the
training pipeline uses them, so that loading this file for inference needs MMPose alone.
"""
# ruff: noqa: C408  (dict(type=...) is how MMPose configs are written)

default_scope = "mmpose"

codec = dict(type="UDPHeatmap", input_size=(192, 256), heatmap_size=(48, 64), sigma=2)

model = dict(
    type="TopdownPoseEstimator",
    data_preprocessor=dict(
        type="PoseDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type="HRNet",
        in_channels=3,
        extra=dict(
            stage1=dict(num_modules=1, num_branches=1, block="BOTTLENECK", num_blocks=(2,), num_channels=(64,)),
            stage2=dict(num_modules=1, num_branches=2, block="BASIC", num_blocks=(2, 2), num_channels=(16, 32)),
            stage3=dict(num_modules=2, num_branches=3, block="BASIC", num_blocks=(2, 2, 2), num_channels=(16, 32, 64)),
            stage4=dict(
                num_modules=1,
                num_branches=4,
                block="BASIC",
                num_blocks=(2, 2, 2, 2),
                num_channels=(16, 32, 64, 128),
            ),
        ),
        # Trained from scratch, so the backbone is initialised here and not from a checkpoint.
        init_cfg=[
            dict(type="Kaiming", layer="Conv2d", mode="fan_out", nonlinearity="relu"),
            dict(type="Constant", layer="BatchNorm2d", val=1),
        ],
    ),
    head=dict(
        type="HeatmapHead",
        in_channels=16,
        out_channels=17,
        deconv_out_channels=None,
        # The last layer is linear: 16 channels alone cannot tell 17 joints apart, and the two ankles became one map.
        conv_out_channels=(32,),
        conv_kernel_sizes=(3,),
        loss=dict(type="KeypointMSELoss", use_target_weight=True),
        decoder=codec,
        init_cfg=[
            dict(
                type="Kaiming",
                layer="Conv2d",
                mode="fan_out",
                nonlinearity="relu",
                override=dict(type="Normal", name="final_layer", std=0.001),
            ),
            dict(type="Constant", layer="BatchNorm2d", val=1),
        ],
    ),
    train_cfg=dict(compute_acc=False),
    test_cfg=dict(flip_test=True, flip_mode="heatmap", shift_heatmap=False),
)

# Read from the root of a clone, as MMPose does.
data_root = "data/pose-labels/"

train_pipeline = [
    dict(type="LoadImage"),
    dict(type="WeighOccludedJoints", weight=0.5),
    dict(type="JitterAppearance", infrared=0.5, jitter=0.8),
    dict(type="EraseRectangle", prob=0.35, size=(0.1, 0.35)),
    dict(type="TrimCrop", prob=0.5, margin=(1.0, 1.2)),
    dict(type="GetBBoxCenterScale", padding=1.25),
    dict(type="RandomFlip", direction="horizontal"),
    dict(type="RandomHalfBody", prob=0.2),
    dict(
        type="RandomBBoxTransform",
        shift_factor=0.1,
        shift_prob=0.5,
        scale_factor=(0.75, 1.3),
        rotate_factor=35.0,
        rotate_prob=0.6,
    ),
    dict(type="TopdownAffine", input_size=codec["input_size"], use_udp=True),
    dict(type="GenerateTarget", encoder=codec),
    dict(type="PackPoseInputs"),
]
val_pipeline = [
    dict(type="LoadImage"),
    dict(type="GetBBoxCenterScale", padding=1.25),
    dict(type="TopdownAffine", input_size=codec["input_size"], use_udp=True),
    dict(type="PackPoseInputs"),
]

train_dataloader = dict(
    batch_size=16,
    num_workers=2,
    dataset=dict(
        type="CocoDataset",
        data_root=data_root,
        data_mode="topdown",
        ann_file="annotations/train.json",
        data_prefix=dict(img="images/"),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=0,
    dataset=dict(
        type="CocoDataset",
        data_root=data_root,
        data_mode="topdown",
        ann_file="annotations/val.json",
        data_prefix=dict(img="images/"),
        test_mode=True,
        pipeline=val_pipeline,
    ),
)
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(type="AdamW", lr=1.5e-3, weight_decay=0.02))

# Read by pipeline.pose_training.train, not by MMPose. Stages run in order, one cosine spans all their steps.
training = dict(
    seed=20260,
    warmup_steps=400,
    final_lr_share=0.005,
    ema_decay=0.998,
    stages=[
        dict(input_size=(96, 128), sigma=1.5, epochs=12, bfloat16=True),
        dict(input_size=(192, 256), sigma=2.0, epochs=17, bfloat16=True),
    ],
)
