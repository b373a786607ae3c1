"""What is likely wrong with a journey, told from its source alone: nothing of it is executed.

`play` reads a journey in the order in which it would run, page objects included, and notes what
it would do; the rules judge that, or the text of one file. docs/authors.md lists them.
"""
