-- What: the decisions of this room as SQL functions.
-- Why: thin wrappers that the planner inlines. Nothing else names chat_rules, so the rules can be pointed at another
--      provider here; how each is decided stands in the crate chat_rules.
-- Leaves out: who may call them (policies/), and reading webhooks, which only the worker does.

create or replace function chat.delivery_next(current text, incoming text)
returns text
language sql immutable parallel safe
as $$ select chat_rules.delivery_next(current, incoming) $$;
comment on function chat.delivery_next(text, text) is
    'The delivery state after a report; only forward, the same end for every order of reports.';

create or replace function chat.shown_status(delivery_state text)
returns text
language sql immutable parallel safe
as $$ select chat_rules.shown_status(delivery_state) $$;
comment on function chat.shown_status(text) is 'LC-01''s status of a delivery state.';

create or replace function chat.window_after(current timestamptz, kind text, sent_at timestamptz)
returns timestamptz
language sql immutable parallel safe
as $$ select chat_rules.window_after(current, kind, sent_at) $$;
comment on function chat.window_after(timestamptz, text, timestamptz) is
    'When the 24-hour window closes after a message of the visitor; never earlier than it did.';

create or replace function chat.window_allows(expires timestamptz, kind text, at timestamptz)
returns boolean
language sql immutable parallel safe
as $$ select chat_rules.window_allows(expires, kind, at) $$;
comment on function chat.window_allows(timestamptz, text, timestamptz) is
    'Whether a message of this kind may go out now: inside the window anything, outside a template.';

create or replace function chat.unknown_outcome(
    policy text, since timestamptz, at timestamptz, wait_seconds integer
)
returns text
language sql immutable parallel safe
as $$ select chat_rules.unknown_outcome(policy, since, at, wait_seconds) $$;
comment on function chat.unknown_outcome(text, timestamptz, timestamptz, integer) is
    'What becomes of a send that may have arrived: wait, ask a person, or resend.';

create or replace function chat.check_outgoing(kind text, content text, metadata jsonb, file_name text, has_file boolean)
returns table (code text, message text, hint text)
language sql immutable parallel safe rows 1
as $$ select * from chat_rules.check_outgoing(kind, content, metadata::text, file_name, has_file) $$;
comment on function chat.check_outgoing(text, text, jsonb, text, boolean) is
    'Why a row cannot be sent to WhatsApp, naming the field; no row when it can.';

create or replace function chat.outgoing_words(kind text, content text, metadata jsonb)
returns text
language sql immutable parallel safe
as $$ select chat_rules.outgoing_words(kind, content, metadata::text) $$;
comment on function chat.outgoing_words(text, text, jsonb) is
    'What a message that is not made of words says in words; null when its content is as good.';

create or replace function chat.template_message(components jsonb, parameter_format text, parameters jsonb)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.template_message(components::text, parameter_format, parameters::text)::jsonb $$;
comment on function chat.template_message(jsonb, text, jsonb) is
    'A template filled with {header, body, buttons}: {components, preview}, or {problems: [{where, problem, says}]}.';

create or replace function chat.template_form(components jsonb, parameter_format text)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.template_form(components::text, parameter_format)::jsonb $$;
comment on function chat.template_form(jsonb, text) is
    'What a template wants: {parameters: [{where, part, key, kind, required, label, example}], preview with its examples, beyond}.';

create or replace function chat.dialled_phone(typed text)
returns table (phone text, variants text[])
language sql immutable parallel safe rows 1
as $$ select * from chat_rules.dialled_phone(typed) $$;
comment on function chat.dialled_phone(text) is
    'The digits of a typed international phone number and its other spellings; no row for what can be none.';
