-- What: when an app's webhooks last came, and when one came whose signature was wrong.
-- Why: "nothing arrives" has two causes that look alike: Meta does not deliver, or we do not believe it.
-- Leaves out: each delivery; the worker gathers and tells every few seconds, in no message's transaction.

create or replace function public.chat_note_webhooks(heard jsonb)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    update chat.whatsapp_apps a
    set last_webhook_at = greatest(a.last_webhook_at, h.webhook_at),
        last_refused_at = greatest(a.last_refused_at, h.refused_at),
        last_refused_why = case when h.refused_at is null then a.last_refused_why else h.why end,
        refused_count = a.refused_count + coalesce(h.refused, 0)
    from (
        select x.id, r.webhook_at, r.refused_at, r.why, r.refused
        from jsonb_to_recordset(chat_note_webhooks.heard) as r (
            app uuid, webhook_at timestamptz, refused_at timestamptz, why text, refused bigint)
        join chat.whatsapp_apps x on x.id = r.app
        order by x.id
        for no key update of x) h
    where a.id = h.id;
end
$$;
comment on function public.chat_note_webhooks(jsonb) is
    'For the worker, every few seconds: [{app, webhook_at, refused_at, why, refused}].';
