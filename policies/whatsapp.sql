-- What: what of WhatsApp is open to people: sending an unknown or failed message again.
-- Why: apps, accounts, numbers, attempts and leftovers are reached by functions only.
-- Leaves out: the worker's functions (jobs.sql).

grant execute on function public.chat_resend_message(uuid) to authenticated;
