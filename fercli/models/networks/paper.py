"""The paper's networks (Alizadeh & Fazel), all of them one grammar.

[Conv-(SBN)-ReLU-(Dropout)-(Max-pool)]M-[Affine-(BN)-ReLU-(Dropout)]N-Affine-Softmax
"""

import keras
from keras import layers

from fercli.models.networks.layers import BatchNormalization, MeanSubtraction
from fercli.models.registry import HOG_LENGTH, Model, PaperNetwork


def paper_network(network: PaperNetwork, model: Model, *, l2: float, precision: str) -> keras.Model:
    """Build the grammar's sentence that `network` spells; see `networks.build`.

    With HOG, the features join the flattened output of the convolutions, before the dense part.
    """
    side = model.input_size
    options = {
        "kernel_initializer": "he_normal",
        "kernel_regularizer": keras.regularizers.L2(l2) if l2 else None,
        "dtype": precision,
    }

    inputs = [keras.Input((side, side), dtype="uint8", name="pixels")]
    x = MeanSubtraction(name="mean", dtype=precision)(inputs[0])
    for number, block in enumerate(network.convolutions, start=1):
        name = f"convolution{number}"
        x = layers.Conv2D(block.filters, block.size, padding="same", name=name, **options)(x)
        x = BatchNormalization(name=f"{name}_normalization", dtype=precision)(x)
        # The largest value stays the largest under ReLU and under a map's own factor, so that pooling may come first: the paper's
        # function and gradients, with a quarter of the values to go through.
        if block.pool:
            x = layers.MaxPooling2D(2, name=f"{name}_pool", dtype=precision)(x)
        x = layers.ReLU(name=f"{name}_relu", dtype=precision)(x)
        # Whole feature maps are dropped (Tompson et al. 2015). Dropping single values before max-pooling raises the
        # mean of what is pooled, so that the statistics of the next normalisation do not fit inference: after two epochs of the
        # deep network, 35 % on 1,024 validation images, 53 % with statistics gathered anew without dropout.
        x = layers.SpatialDropout2D(block.dropout, name=f"{name}_dropout", dtype=precision)(x)
    x = layers.Flatten(name="features", dtype=precision)(x)
    if model.uses_hog:
        inputs.append(keras.Input((HOG_LENGTH,), dtype="float32", name="hog"))
        x = layers.Concatenate(name="hybrid", dtype=precision)([x, inputs[1]])
    for number, affine in enumerate(network.affines, start=1):
        name = f"affine{number}"
        x = layers.Dense(affine.units, name=name, **options)(x)
        x = BatchNormalization(name=f"{name}_normalization", dtype=precision)(x)
        x = layers.ReLU(name=f"{name}_relu", dtype=precision)(x)
        x = layers.Dropout(affine.dropout, name=f"{name}_dropout", dtype=precision)(x)
    x = layers.Dense(len(model.labels), name="logits", **(options | {"dtype": "float32"}))(x)
    return keras.Model(inputs, layers.Softmax(name="probabilities", dtype="float32")(x), name=model.name.replace("-", "_"))
