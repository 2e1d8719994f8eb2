"""The console: pages for people, to look at repositories and to review what agents submit."""
