-- What: who switches the CRM, and who asks what it knows of a visitor.
-- Why: each function asks for its right itself.
-- Leaves out: the tables, which no client role touches. The host's own tables have the host's policies.

grant execute on function
    public.chat_crm(uuid), public.chat_save_crm(uuid, boolean), public.chat_retry_crm(uuid), public.chat_contact(uuid)
to authenticated;
