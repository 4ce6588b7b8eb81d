"""The paper's networks, section 3, all of them one grammar.

[Conv-(SBN)-ReLU-(Dropout)-(Max-pool)]M-[Affine-(BN)-ReLU-(Dropout)]N-Affine-Softmax
"""

import keras
from keras import layers

from fercli.hog import LENGTH
from fercli.networks.layers import MeanSubtraction
from fercli.registry import Model


def paper_network(model: Model, *, l2: float, precision: str) -> keras.Model:
    """Build the grammar's sentence that `model.network` spells; see `networks.build`.

    With HOG, the features join the flattened output of the convolutions, before the dense part (section 3.3).
    """
    regularizer = keras.regularizers.L2(l2) if l2 else None
    side = model.input_size

    def normalise_and_drop(x: keras.KerasTensor, name: str, dropout: float) -> keras.KerasTensor:
        x = layers.BatchNormalization(name=f"{name}_normalization", dtype=precision)(x)
        x = layers.ReLU(name=f"{name}_relu", dtype=precision)(x)
        return layers.Dropout(dropout, name=f"{name}_dropout", dtype=precision)(x)

    inputs = [keras.Input((side, side), dtype="uint8", name="pixels")]
    x = MeanSubtraction(name="mean", dtype=precision)(inputs[0])
    for number, block in enumerate(model.network.convolutions, start=1):
        name = f"convolution{number}"
        x = layers.Conv2D(
            block.filters, block.size, padding="same", kernel_regularizer=regularizer, name=name, dtype=precision,
            kernel_initializer="he_normal",
        )(x)  # fmt: skip
        x = normalise_and_drop(x, name, block.dropout)
        if block.pool:
            x = layers.MaxPooling2D(2, name=f"{name}_pool", dtype=precision)(x)
    x = layers.Flatten(name="features", dtype=precision)(x)
    if model.uses_hog:
        inputs.append(keras.Input((LENGTH,), dtype="float32", name="hog"))
        x = layers.Concatenate(name="hybrid", dtype=precision)([x, inputs[1]])
    for number, affine in enumerate(model.network.affines, start=1):
        name = f"affine{number}"
        x = layers.Dense(affine.units, kernel_regularizer=regularizer, name=name, dtype=precision, kernel_initializer="he_normal")(
            x
        )
        x = normalise_and_drop(x, name, affine.dropout)
    x = layers.Dense(len(model.labels), kernel_regularizer=regularizer, name="logits", dtype="float32")(x)
    return keras.Model(inputs, layers.Softmax(name="probabilities", dtype="float32")(x), name=model.name.replace("-", "_"))
