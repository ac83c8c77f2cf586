-- What: how many jobs storing messages made is told with how many there were; a claim says how many of its jobs may be bulk.
-- Why: a received file has a job of its own, and downloads must not take every slot from replies.
-- A file's size may be what Storage says, which is more than an integer. Leaves out: the functions
-- themselves, which are made anew.

drop function chat.store_messages(uuid, uuid[], jsonb);
drop function public.chat_claim_jobs(integer);
drop function chat.require_file(public.mod_chat_widget_settings, text, integer, text);
drop function chat.stored(text);
