-- What: who may ask why a chat is whose it is, and when a site is open.
-- Why: the first asks for the right to view itself; opening hours are what a widget shows to anybody.
-- Leaves out: choices and the routing row, which no client role touches.

grant execute on function public.chat_explain_assignment(uuid) to authenticated;
grant execute on function public.chat_hours(uuid, uuid, timestamptz) to anon, authenticated;
