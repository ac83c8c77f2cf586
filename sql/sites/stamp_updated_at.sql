-- What: updated_at, for every table that has it.
-- Why: ours, because the host's update_updated_at_column() may be missing and must not be replaced.
-- Leaves out: messages and conversations, whose writers set it with the rest of the row.

create or replace function chat.stamp_updated_at()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.updated_at := clock_timestamp();
    return new;
end
$$;
comment on function chat.stamp_updated_at() is 'Before an update that does not set it: updated_at.';
