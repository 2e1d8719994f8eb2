"""What runs on the other side: the launcher of containers, and the first process of each.

It is a program of its own, `python -I -S` with nothing of the server's environment, that forks for every container.
So it imports the standard library and itself alone; its imports are relative, since its parent package is not there.
"""
