"""What becomes of the gradients of a step: clipping and the optimizer's update."""
