-- What: what of WhatsApp is open to people: a site's numbers, WhatsApp's own kinds of message, templates, writing first,
--       sending an unknown or failed message again, windows and costs.
-- Why: apps, accounts, numbers, attempts and leftovers are reached by functions only, each of which asks for the permission;
--      no function gives a secret away, sealed or not.
-- Leaves out: the worker's functions (jobs.sql).

grant execute on function
    public.chat_resend_message(uuid),
    public.chat_send_location(uuid, double precision, double precision, text, text, uuid, uuid),
    public.chat_send_contacts(uuid, jsonb, uuid, uuid),
    public.chat_send_interactive(uuid, jsonb, uuid, uuid),
    public.chat_typing(uuid),
    public.chat_window(uuid),
    public.chat_whatsapp_costs(uuid, timestamptz, timestamptz),
    public.chat_waba_conversations(text, uuid, integer, integer),
    public.chat_waba_messages(bigint, integer, integer, uuid),
    public.chat_waba_send_message(bigint, text, text, text, text, text, uuid),
    public.chat_worker_key(),
    public.chat_save_whatsapp_number(uuid, text, text, text, text, text, text, boolean, text, boolean),
    public.chat_disconnect_whatsapp_number(uuid),
    public.chat_test_whatsapp_number(uuid),
    public.chat_send_whatsapp_test(uuid, text, text, text),
    public.chat_whatsapp_numbers(uuid),
    public.chat_whatsapp_health(uuid),
    public.chat_set_read_policy(uuid, text),
    public.chat_whatsapp_told(uuid, text, bigint, integer),
    public.chat_import_waba(uuid),
    public.chat_templates(uuid, jsonb),
    public.chat_preview_template(uuid, text, text, jsonb, uuid),
    public.chat_sync_whatsapp_templates(uuid, uuid),
    public.chat_send_template(uuid, text, text, jsonb, uuid, uuid),
    public.chat_start_whatsapp(uuid, text, text, text, jsonb, uuid, text, uuid)
to authenticated;
