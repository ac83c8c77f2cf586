-- What: the worker's list.
-- Why: the role has these functions and no table; worker/src/db.rs calls exactly these.
-- Leaves out: people; they look at the queue with psql as the owner.

grant execute on function
    public.chat_receive_whatsapp(uuid, jsonb),
    public.chat_keep_dead_letter(uuid, text, jsonb),
    public.chat_claim_jobs(integer),
    public.chat_finish_job(bigint, uuid, jsonb),
    public.chat_give_back_jobs(uuid[]),
    public.chat_begin_attempt(bigint, uuid),
    public.chat_finish_attempt(bigint, uuid, uuid, integer, jsonb),
    public.chat_tick(integer),
    public.chat_register_whatsapp(text, uuid, text, text, text, text),
    public.chat_confirm_number(uuid, jsonb),
    public.chat_worker_facts()
to chat_worker;
