-- What: which page a visitor looks at, and when they were last seen.
-- Why: agents see who is where; the first page is kept as the landing page.
-- Leaves out: visits and what the user agent tells, which are counted elsewhere.

create or replace function chat.note_page(p_session chat.sessions, p_page jsonb, p_now timestamptz)
returns void
language plpgsql
as $$
begin
    update public.mod_chat_visitors v
    set current_page_url = coalesce(left(p_page ->> 'url', 2048), v.current_page_url),
        current_page_title = case when p_page ->> 'url' is null then v.current_page_title else left(p_page ->> 'title', 300) end,
        referrer_url = coalesce(v.referrer_url, left(p_page ->> 'referrer', 2048)),
        landing_page_url = coalesce(v.landing_page_url, left(p_page ->> 'url', 2048)),
        ip_address = coalesce(p_session.ip_address, v.ip_address),
        last_seen_at = greatest(v.last_seen_at, p_now),
        updated_at = p_now
    where v.id = p_session.visitor_id;
end
$$;
comment on function chat.note_page(chat.sessions, jsonb, timestamptz) is
    'Notes {url, title, referrer} of the page a session''s visitor is on; referrer and landing page only the first time.';
