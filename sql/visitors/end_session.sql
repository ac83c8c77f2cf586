-- What: the visitor signs out: their token and key open nothing any more.
-- Why: a site calls it when its user logs out, so that the next person at that browser does not see the chat.
-- Leaves out: the conversation, which stays as it is.

create or replace function public.chat_end_session()
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    session constant chat.sessions := chat.my_session(at);
begin
    update chat.sessions s set ended_at = at, ended_why = 'visitor' where s.id = session.id and s.ended_at is null;
end
$$;
comment on function public.chat_end_session() is 'Ends the caller''s session; its token is dead at once. PT401 as chat.my_session.';
