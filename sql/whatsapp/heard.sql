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
    -- A statement of its own, so that the next sees the rows as they are when they are held (docs/architecture.md).
    perform from chat.whatsapp_apps a
    where a.id in (select (r ->> 'app')::uuid from jsonb_array_elements(chat_note_webhooks.heard) r)
    order by a.id
    for no key update;
    update chat.whatsapp_apps a
    set last_webhook_at = greatest(a.last_webhook_at, r.webhook_at),
        last_refused_at = greatest(a.last_refused_at, r.refused_at),
        last_refused_why = case when r.refused_at is null then a.last_refused_why else r.why end,
        refused_count = a.refused_count + coalesce(r.refused, 0)
    from jsonb_to_recordset(chat_note_webhooks.heard) as r (
        app uuid, webhook_at timestamptz, refused_at timestamptz, why text, refused bigint)
    where a.id = r.app;
end
$$;
comment on function public.chat_note_webhooks(jsonb) is
    'For the worker, every few seconds: [{app, webhook_at, refused_at, why, refused}].';
