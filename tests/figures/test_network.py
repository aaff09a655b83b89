from genre_lib.figures import residual_block


def test_the_layers_of_the_block_stand_in_their_order():
    (axis,) = residual_block().axes
    boxes = [text.get_text().replace("\n", " ") for text in axis.texts]
    main = [box for box in boxes if box not in ("input", "output") and "identity" not in box]
    convolution = ["Conv1D k 3", "Batch Norm"]
    assert main == [*convolution, "Leaky ReLU", *convolution, "+", "Leaky ReLU"]
    assert axis.get_title() == "A residual block: Res1D"
