"""The command's sub-commands, one module each: the module's `command`, under the module's name.

A module imports livermet's logic inside its function, so that the list of commands stays quick.
"""
