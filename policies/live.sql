-- What: tells PostgREST that grants and functions changed.
-- Why: its schema cache is read once; without this a fresh install answers 404 until a restart.
-- Leaves out: who may join which topic, which comes with live itself.

notify pgrst, 'reload schema';
