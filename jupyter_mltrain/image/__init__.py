"""A container image, made of wheels without a daemon, the same to the byte each time.

The way, each step in a room of its own::

    sources      what the environment is to have: the kernel's packages, or a requirements file
    lock         resolved once by uv for the image's platform and Python, with hashes
    fetch        wheels, streamed into the cache and verified; sdist builds those that an index lacks
    base         the image below: its layers, and the Python in it
    arrange      which wheel goes into which layer
    wheel        one wheel as the files that installing it gives, by PyPA's installer
    skeleton     the environment around them: interpreter, kernel, user, this project's runner, the program
    layer        files as a tar that is the same each time, compressed
    registry     only what is missing travels
    layout       the same image as a folder or an archive

``build`` puts them together; everything before it is usable by itself. ``reference`` and ``oci`` are the vocabulary.
"""
