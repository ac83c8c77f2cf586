-- What: what a request says about where it comes from.
-- Why: PostgREST shows its headers as a setting; of x-forwarded-for only what our own proxies wrote can be believed.
-- Leaves out: what a browser or place is told from them (visitors' tracking).

create or replace function chat.request_header(p_name text)
returns text
language sql
stable
as $$ select nullif(current_setting('request.headers', true), '')::jsonb ->> lower(p_name) $$;
comment on function chat.request_header(text) is 'A header of the running request; null when there is none.';

create or replace function chat.client_address()
returns inet
language plpgsql
stable
as $$
begin
    return chat.forwarded_address(
        chat.request_header('x-forwarded-for'),
        coalesce(nullif(current_setting('app.settings.chat_trusted_hops', true), '')::integer, 1))::inet;
end
$$;
comment on function chat.client_address() is
    'Address of the caller: entry app.settings.chat_trusted_hops (default 1) from the right of x-forwarded-for; null when it cannot be told.';
