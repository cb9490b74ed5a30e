"""The paper's figures, and k-curves, as `matplotlib.figure.Figure` objects.

    style            colours, sizes and fonts; saves a figure as PNG and PDF, reproducibly
    curves           accuracy against the attack's number of steps
    gradient_images  input gradients beside their images (Figures 1, 4, 6)
    bars             clean and attacked accuracy side by side (Figure 5)
    landscape        decisions and losses on a plane around an image, drawn by `landscape_panels`
                     (Figure 7)
    draw             any of these from saved runs

The package does not use pyplot, so that drawing changes no global state of the process.
"""
