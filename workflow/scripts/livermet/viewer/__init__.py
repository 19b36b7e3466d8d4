"""The viewer: a page for each series with its CT and all masks, and one that leads to them.

`slices` makes the CT small, `overlays` the masks and probabilities, `lesions` lists what can be
jumped to, `page` fills in the templates. A page is one file that opens without a network or server.
"""
