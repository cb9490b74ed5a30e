"""The paper's figures, and curves of our own, as `matplotlib.figure.Figure` objects made from
records and models.

    style       one look, colours for every eye, files that are the same bytes for the same picture
    curves      accuracy against the attack's number of steps
    gradients   input gradients beside their images (Figures 1, 4, 6)
    bars        clean and attacked accuracy side by side (Figure 5)
    landscape   decision regions and loss around an image (Figure 7)
    draw        any of them, from saved runs

pyplot is not used: nothing is registered or switched in the process that draws.
"""
