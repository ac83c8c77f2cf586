-- What: the worker's list, and what people may ask of the queue.
-- Why: the worker's role has these functions and no table; worker/src/db.rs calls exactly these.
-- Leaves out: people with psql; they are the owner and see chat.queue_now, chat.lag, chat.waiting_now.

grant execute on function
    public.chat_receive_whatsapp(uuid, jsonb),
    public.chat_keep_dead_letter(uuid, text, jsonb),
    public.chat_claim_jobs(integer, integer),
    public.chat_renew_lease(bigint, uuid),
    public.chat_begin_media(bigint, uuid),
    public.chat_media_ready(uuid, text, bigint, text, text),
    public.chat_media_failed(uuid, text),
    public.chat_keep_media_id(uuid, text, text),
    public.chat_files_to_delete(bigint, uuid),
    public.chat_files_deleted(bigint[]),
    public.chat_finish_job(bigint, uuid, jsonb),
    public.chat_give_back_jobs(uuid[]),
    public.chat_begin_attempt(bigint, uuid),
    public.chat_finish_attempt(bigint, uuid, uuid, integer, jsonb),
    public.chat_finish_reaction(bigint, uuid, jsonb),
    public.chat_tick(integer),
    public.chat_register_whatsapp(text, uuid, text, text, text, text),
    public.chat_confirm_number(uuid, jsonb),
    public.chat_begin_template_sync(uuid, bigint),
    public.chat_store_templates(uuid, uuid, jsonb, text),
    public.chat_worker_facts(),
    public.chat_worker_rights(text[]),
    public.chat_publish_worker_key(text, text, boolean),
    public.chat_whatsapp_secrets(text),
    public.chat_secrets_to_reseal(text, text, integer),
    public.chat_store_resealed(jsonb),
    public.chat_token_in_use(uuid, text),
    public.chat_note_number_test(uuid, jsonb, jsonb),
    public.chat_note_test_send(uuid, jsonb),
    public.chat_note_webhooks(jsonb),
    public.chat_next_job()
to chat_worker;

grant execute on function public.chat_retry_job(bigint) to authenticated;
