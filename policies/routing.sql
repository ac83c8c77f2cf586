-- What: who may ask why a chat is whose it is.
-- Why: the function asks for the right to view itself.
-- Leaves out: choices and the routing row, which no client role touches.

grant execute on function public.chat_explain_assignment(uuid) to authenticated;
