\echo Use "create extension pg_chat_ext" to load this file. \quit

-- The rules of pg_chat as SQL functions. Code only: tables, triggers and policies are ordinary objects that migrations
-- make, so that dumps and branches keep them. Nothing but the wrappers in schema `chat` names these functions.
-- Written by hand: each `as` names a symbol of the library; Postgres refuses to make a function without one.

create function library_version() returns text
language c stable parallel safe as 'MODULE_PATHNAME', 'library_version_wrapper';

-- conversations

create function message_effect(sender_type text, kind text, origin text, by_assignee boolean)
returns table (
    is_public boolean,
    inbound boolean,
    outbound_public boolean,
    preview boolean,
    unread_agent integer,
    clears_unread_agent boolean,
    unread_visitor integer
)
language c immutable parallel safe rows 1 as 'MODULE_PATHNAME', 'message_effect_wrapper';

create function preview_text(kind text, content text) returns text
language c immutable parallel safe as 'MODULE_PATHNAME', 'preview_text_wrapper';

create function content_type_of(kind text) returns text
language c immutable parallel safe as 'MODULE_PATHNAME', 'content_type_of_wrapper';

create function sent_at_of(claimed timestamptz, received timestamptz) returns timestamptz
language c immutable parallel safe as 'MODULE_PATHNAME', 'sent_at_of_wrapper';

create function status_refusal(old_status text, new_status text, has_agent boolean) returns text
language c immutable parallel safe as 'MODULE_PATHNAME', 'status_refusal_wrapper';

create function status_after_message(status text, sender_type text, origin text) returns text
language c immutable parallel safe as 'MODULE_PATHNAME', 'status_after_message_wrapper';

create function next_home(status text, archived_at timestamptz, reopen_hours integer, at timestamptz) returns text
language c immutable parallel safe as 'MODULE_PATHNAME', 'next_home_wrapper';

create function revision_refusal(
    what text, by_visitor boolean, own boolean, moderator boolean, channel text, sender_type text, kind text,
    delivery_state text, deleted boolean, age_seconds bigint, edit_minutes integer
) returns text
language c immutable parallel safe as 'MODULE_PATHNAME', 'revision_refusal_wrapper';

create function fill_variables(template text, known text) returns text
language c immutable strict parallel safe as 'MODULE_PATHNAME', 'fill_variables_wrapper';

-- routing. JSON goes in and out as text, so that what cannot be read is a plain error.

create function choose_agent(facts text) returns text
language c immutable strict parallel safe as 'MODULE_PATHNAME', 'choose_agent_wrapper';

create function judge_by_hand(facts text, agent_id text, overrides boolean, claims boolean) returns text
language c immutable strict parallel safe as 'MODULE_PATHNAME', 'judge_by_hand_wrapper';

create function rule_problems(rules text, known text) returns text
language c immutable strict parallel safe as 'MODULE_PATHNAME', 'rule_problems_wrapper';

create function match_rules(rules text, facts text) returns text
language c immutable strict parallel safe as 'MODULE_PATHNAME', 'match_rules_wrapper';

create function judge_unanswered(facts text) returns text
language c immutable strict parallel safe as 'MODULE_PATHNAME', 'judge_unanswered_wrapper';

create function expected_wait(place text) returns text
language c immutable strict parallel safe as 'MODULE_PATHNAME', 'expected_wait_wrapper';

create function queue_news(told_place bigint, told_seconds bigint, place bigint, seconds bigint) returns boolean
language c immutable parallel safe as 'MODULE_PATHNAME', 'queue_news_wrapper';

create function simulate(recording text) returns text
language c immutable strict parallel safe as 'MODULE_PATHNAME', 'simulate_wrapper';

create function hours_problems(hours text, zone text) returns text
language c immutable strict parallel safe as 'MODULE_PATHNAME', 'hours_problems_wrapper';

create function hours_at(hours text, zone text, at timestamptz)
returns table (is_open boolean, next_change timestamptz, holiday text)
language c immutable parallel safe rows 1 as 'MODULE_PATHNAME', 'hours_at_wrapper';

create function business_add(hours text, zone text, start timestamptz, seconds bigint) returns timestamptz
language c immutable parallel safe as 'MODULE_PATHNAME', 'business_add_wrapper';

create function business_between(hours text, zone text, begins timestamptz, ends timestamptz) returns bigint
language c immutable parallel safe as 'MODULE_PATHNAME', 'business_between_wrapper';

create function sla_clocks(facts text, at timestamptz) returns text
language c immutable strict parallel safe as 'MODULE_PATHNAME', 'sla_clocks_wrapper';

-- whatsapp

create function delivery_next(current text, incoming text) returns text
language c immutable parallel safe as 'MODULE_PATHNAME', 'delivery_next_wrapper';

create function shown_status(delivery_state text) returns text
language c immutable strict parallel safe as 'MODULE_PATHNAME', 'shown_status_wrapper';

create function window_after(current timestamptz, kind text, sent_at timestamptz) returns timestamptz
language c immutable parallel safe as 'MODULE_PATHNAME', 'window_after_wrapper';

create function window_allows(expires timestamptz, kind text, at timestamptz) returns boolean
language c immutable parallel safe as 'MODULE_PATHNAME', 'window_allows_wrapper';

create function unknown_outcome(policy text, since timestamptz, at timestamptz, wait_seconds integer) returns text
language c immutable parallel safe as 'MODULE_PATHNAME', 'unknown_outcome_wrapper';

-- visitors

create function session_token(claims text, key text, kid text) returns text
language c immutable parallel safe as 'MODULE_PATHNAME', 'session_token_wrapper';

create function identity_proven(external_id text, proof text, key text) returns boolean
language c immutable parallel safe as 'MODULE_PATHNAME', 'identity_proven_wrapper';

create function forwarded_address(header text, hops integer) returns text
language c immutable strict parallel safe as 'MODULE_PATHNAME', 'forwarded_address_wrapper';

create function user_agent_of(header text) returns table (browser text, os text, device text)
language c immutable parallel safe rows 1 as 'MODULE_PATHNAME', 'user_agent_of_wrapper';

create function place_of(country_header text, city_header text) returns table (country text, city text)
language c immutable parallel safe rows 1 as 'MODULE_PATHNAME', 'place_of_wrapper';

-- widget

create function origin_allowed(origin text, domains text) returns boolean
language c immutable parallel safe as 'MODULE_PATHNAME', 'origin_allowed_wrapper';

create function form_problems(required text, given text) returns text
language c immutable strict parallel safe as 'MODULE_PATHNAME', 'form_problems_wrapper';

-- A trusted extension's functions belong to the superuser. Whoever creates the extension decides who calls them.

revoke all on schema @extschema@ from public;
grant usage on schema @extschema@ to @extowner@ with grant option;
revoke all on all functions in schema @extschema@ from public;
grant execute on all functions in schema @extschema@ to @extowner@ with grant option;
