-- What: the decisions of this room as SQL functions.
-- Why: thin wrappers that the planner inlines. Nothing else names chat_rules, so the rules can be pointed at another
--      provider here; how each is decided stands in the crate chat_rules.
-- Leaves out: who may call them (policies/).

create or replace function chat.message_effect(sender_type text, kind text, origin text, by_assignee boolean)
returns table (
    is_public boolean,
    inbound boolean,
    outbound_public boolean,
    preview boolean,
    unread_agent integer,
    clears_unread_agent boolean,
    unread_visitor integer
)
language sql immutable parallel safe rows 1
as $$ select * from chat_rules.message_effect(sender_type, kind, origin, by_assignee) $$;
comment on function chat.message_effect(text, text, text, boolean) is
    'What a message adds to its conversation''s counters; origin is live, echo or history. One row.';

create or replace function chat.preview_text(kind text, content text)
returns text
language sql immutable parallel safe
as $$ select chat_rules.preview_text(kind, content) $$;
comment on function chat.preview_text(text, text) is
    'The first 200 characters a message says in words; empty when it says none.';

create or replace function chat.content_type_of(kind text)
returns text
language sql immutable parallel safe
as $$ select chat_rules.content_type_of(kind) $$;
comment on function chat.content_type_of(text) is 'LC-01''s content_type of a kind; text for a kind nobody knows.';

create or replace function chat.sent_at_of(claimed timestamptz, received timestamptz)
returns timestamptz
language sql immutable parallel safe
as $$ select chat_rules.sent_at_of(claimed, received) $$;
comment on function chat.sent_at_of(timestamptz, timestamptz) is
    'When a message was written: as claimed, unless that is missing, before 1970 or more than five minutes ahead.';

create or replace function chat.status_refusal(old_status text, new_status text, has_agent boolean)
returns text
language sql immutable parallel safe
as $$ select chat_rules.status_refusal(old_status, new_status, has_agent) $$;
comment on function chat.status_refusal(text, text, boolean) is
    'Why a conversation may not change its status so, as a stable code; null when it may.';

create or replace function chat.status_after_message(status text, sender_type text, origin text)
returns text
language sql immutable parallel safe
as $$ select chat_rules.status_after_message(status, sender_type, origin) $$;
comment on function chat.status_after_message(text, text, text) is
    'The status after a message: a visitor who writes ends the waiting.';

create or replace function chat.next_home(
    status text, archived_at timestamptz, reopen_hours integer, at timestamptz
)
returns text
language sql immutable parallel safe
as $$ select chat_rules.next_home(status, archived_at, reopen_hours, at) $$;
comment on function chat.next_home(text, timestamptz, integer, timestamptz) is
    'Whether a person''s message continues their latest conversation, reopens it or begins a new one.';

create or replace function chat.revision_refusal(
    what text, by_visitor boolean, own boolean, moderator boolean, channel text, sender_type text, kind text,
    delivery_state text, deleted boolean, age_seconds bigint, edit_minutes integer
)
returns text
language sql immutable parallel safe
as $$
    select chat_rules.revision_refusal(
        what, by_visitor, own, moderator, channel, sender_type, kind, delivery_state, deleted, age_seconds, edit_minutes)
$$;
comment on function chat.revision_refusal(text, boolean, boolean, boolean, text, text, text, text, boolean, bigint, integer) is
    'Why somebody may not edit or delete a message, as a stable code; null when they may.';

create or replace function chat.fill_variables(template text, known jsonb)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.fill_variables(template, known::text)::jsonb $$;
comment on function chat.fill_variables(text, jsonb) is
    'A ready answer with its places filled in: {content, missing, unknown}.';
