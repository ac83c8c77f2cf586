-- What: the visitor moved to another page of the site.
-- Why: agents see where somebody is while they talk.
-- Leaves out: opening the widget, which notes its page itself (open_session.sql).

create or replace function public.chat_set_page(page jsonb)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    session constant chat.sessions := chat.my_session(at);
begin
    perform chat.note_page(session, chat_set_page.page, at);
    update chat.sessions s set last_seen_at = at where s.id = session.id;
end
$$;
comment on function public.chat_set_page(jsonb) is
    'A visitor''s page: {url, title, referrer, language}. PT401 as chat.my_session.';
