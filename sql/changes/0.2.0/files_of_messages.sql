-- What: how many jobs storing messages made is told with how many there were; a claim says how many of its jobs may be bulk.
-- Why: a received file has a job of its own, and downloads must not take every slot from replies; a file's size is what
--      Storage says, which may be more than an integer holds.
-- Leaves out: the functions themselves, which are made anew.

drop function chat.store_messages(uuid, uuid[], jsonb);
drop function public.chat_claim_jobs(integer);
drop function chat.require_file(public.mod_chat_widget_settings, text, integer, text);
drop function chat.stored(text);
