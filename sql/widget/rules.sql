-- What: the decisions of this room as SQL functions.
-- Why: thin wrappers that the planner inlines. Nothing else names chat_rules, so the rules can be pointed at another
--      provider here; how each is decided stands in the crate chat_rules.
-- Leaves out: who may call them (policies/).

create or replace function chat.origin_allowed(origin text, domains jsonb)
returns boolean
language sql immutable parallel safe
as $$ select chat_rules.origin_allowed(origin, domains::text) $$;
comment on function chat.origin_allowed(text, jsonb) is
    'Whether a page of an origin may open the widget of a site with these allowed domains; an empty list allows all.';

create or replace function chat.form_problems(required jsonb, given jsonb)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.form_problems(required::text, given::text)::jsonb $$;
comment on function chat.form_problems(jsonb, jsonb) is
    'What is wrong with the values of a form: [{field, problem}]; problem is missing, not_text, too_long, not_an_email or not_a_phone.';
