"""Training labs: a folder with a story, tasks and checks, in which a learner works at a true prompt."""
