-- What: the worker's list, and what people may ask of the queue.
-- Why: the worker's role has these functions and no table; worker/src/db.rs calls exactly these.
-- Leaves out: people with psql; they are the owner and see chat.queue_now, chat.lag, chat.waiting_now.

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

grant execute on function public.chat_retry_job(bigint) to authenticated;
