-- What: how many messages Meta charged, by number, month and category.
-- Why: it says so with a status of each message, `pricing`, which is kept as it came in the message's metadata; so each is
--      counted once, however often its statuses come.
-- Leaves out: money. Prices differ by country and change each quarter.

create or replace function public.chat_whatsapp_costs(site uuid, since timestamptz, until timestamptz default null)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    ends constant timestamptz := least(coalesce(chat_whatsapp_costs.until, now()), now());
begin
    perform chat.require(chat_whatsapp_costs.site, 'live-chat.analytics.view');
    if (chat_whatsapp_costs.since < ends
        and extract(epoch from ends) - extract(epoch from chat_whatsapp_costs.since) <= 366 * 86400) is not true
    then
        raise exception 'costs are of a period of up to 366 days that has begun'
            using errcode = 'PT422', detail = 'chat/report_period', hint = 'give since before until, at most 366 days apart';
    end if;
    return coalesce((
        select jsonb_agg(jsonb_build_object('phone_number_id', s.phone_number_id, 'month', s.month, 'category', s.category,
            'billable', s.billable, 'free', s.free) order by s.month, s.phone_number_id, s.category)
        from (
            select c.phone_number_id, to_char(m.sent_at at time zone 'UTC', 'YYYY-MM') as month,
                coalesce(m.metadata -> 'pricing' ->> 'category', 'unknown') as category,
                count(*) filter (where m.metadata -> 'pricing' -> 'billable' = 'true') as billable,
                count(*) filter (where m.metadata -> 'pricing' -> 'billable' is distinct from 'true') as free
            from public.mod_chat_conversations c
            join public.mod_chat_messages m on m.conversation_id = c.id
            -- Nothing was said in a conversation after its last message.
            where c.site_id = chat_whatsapp_costs.site and c.channel = 'whatsapp'
                and c.last_message_at >= chat_whatsapp_costs.since
                and m.sent_at >= chat_whatsapp_costs.since and m.sent_at < ends
                and m.sender_type <> 'visitor' and m.whatsapp_message_id is not null
                and jsonb_typeof(m.metadata -> 'pricing') = 'object'
            group by 1, 2, 3) s), '[]');
end
$$;
comment on function public.chat_whatsapp_costs(uuid, timestamptz, timestamptz) is
    'Messages of a period of up to 366 days (until null: to now) that Meta said the price of, by number, month (UTC, of sending) and category: [{phone_number_id, month, category, billable, free}]. Needs live-chat.analytics.view. PT403 chat/not_allowed, PT422 chat/report_period.';
