-- What: conversations get a column for whether the assistant answers. Why: rules of the site say so (routing/sort_by_rules.sql).
-- Leaves out: its comment; that is said where the column is. It has no default, so no row is written.

alter table public.mod_chat_conversations add column assistant boolean;
