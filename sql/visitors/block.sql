-- What: blocks people and addresses.
-- Why: a block acts at once: open chats of the person are closed and their sessions ended in its transaction.
-- Leaves out: who is blocked (is_blocked.sql), rates, which are the widget's.

create or replace function public.chat_block_visitor(visitor uuid, reason text default null, until timestamptz default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    site constant uuid := chat.require_for_visitor(chat_block_visitor.visitor, 'live-chat.conversations.resolve');
    rows constant uuid[] := chat.person_rows(chat_block_visitor.visitor);
    block uuid;
    closed integer;
begin
    perform chat.check_block(chat_block_visitor.reason, chat_block_visitor.until);
    -- The identity's lock: a message that is being received has its conversation before, or sees the block.
    perform from chat.identities i where i.visitor_id = any (rows) order by i.id for no key update;
    perform from public.mod_chat_conversations c
    where c.visitor_id = any (rows) and c.archived_at is null order by c.id for no key update;
    perform chat.lock_visitors(rows);
    insert into chat.blocks as b (site_id, visitor_id, reason, blocked_by, expires_at)
    values (site, chat_block_visitor.visitor, chat_block_visitor.reason, auth.uid(), chat_block_visitor.until)
    on conflict (site_id, visitor_id) do update
    set reason = excluded.reason, blocked_by = excluded.blocked_by, expires_at = excluded.expires_at
    returning b.id into block;
    update public.mod_chat_conversations c set status = 'closed'
    where c.visitor_id = any (rows) and c.archived_at is null;
    get diagnostics closed = row_count;
    return jsonb_build_object('block', block, 'closed_conversations', closed, 'ended_sessions', chat.end_blocked(array(
        select s.id from chat.sessions s where s.visitor_id = any (rows) and s.ended_at is null)));
end
$$;
comment on function public.chat_block_visitor(uuid, text, timestamptz) is
    'Blocks a person at their site, until then or for good: their open chats are closed, they can begin no other on any channel. Again: replaces reason and end. Answers {block, closed_conversations, ended_sessions}. Needs live-chat.conversations.resolve. PT404 chat/no_such_visitor, PT422 chat/block_over, chat/too_long.';

create or replace function public.chat_block_address(
    site uuid, address text, reason text default null, until timestamptz default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    network constant cidr := chat.address_of(chat_block_address.address);
    block uuid;
begin
    perform chat.require(chat_block_address.site, 'live-chat.settings.manage');
    perform chat.check_block(chat_block_address.reason, chat_block_address.until);
    if network is null then
        raise exception '% is no address', coalesce(left(chat_block_address.address, 50), 'null')
            using errcode = 'PT422', detail = 'chat/invalid_address', hint = 'use an address such as 203.0.113.9 or a network such as 203.0.113.0/24';
    elsif (masklen(network) < case family(network) when 4 then 8 else 16 end) then
        raise exception '% is a large part of the internet', network
            using errcode = 'PT422', detail = 'chat/network_too_wide', hint = 'block /8 or smaller of IPv4, /16 or smaller of IPv6';
    end if;
    insert into chat.blocks as b (site_id, address, reason, blocked_by, expires_at)
    values (chat_block_address.site, network, chat_block_address.reason, auth.uid(), chat_block_address.until)
    on conflict (site_id, address) do update
    set reason = excluded.reason, blocked_by = excluded.blocked_by, expires_at = excluded.expires_at
    returning b.id into block;
    return jsonb_build_object('block', block, 'address', network, 'ended_sessions', chat.end_blocked(array(
        select s.id from chat.sessions s
        where s.site_id = chat_block_address.site and s.ip_address <<= network and s.ended_at is null)));
end
$$;
comment on function public.chat_block_address(uuid, text, text, timestamptz) is
    'Blocks an address or network at a site, until then or for good. Answers {block, address, ended_sessions}. Needs live-chat.settings.manage. PT403 chat/not_allowed, PT422 chat/invalid_address, chat/network_too_wide, chat/block_over, chat/too_long.';

create or replace function chat.end_blocked(p_sessions uuid[])
returns integer
language plpgsql
as $$
declare
    ended integer;
begin
    -- Identities before visitors before sessions, as everywhere.
    perform from chat.identities i
    where i.id in (select s.identity_id from chat.sessions s where s.id = any (p_sessions))
    order by i.id
    for no key update;
    perform from public.mod_chat_visitors v
    where v.id in (select s.visitor_id from chat.sessions s where s.id = any (p_sessions))
    order by v.id
    for no key update;
    update chat.sessions s set ended_at = clock_timestamp(), ended_why = 'blocked'
    where s.id = any (p_sessions) and s.ended_at is null;
    get diagnostics ended = row_count;
    return ended;
end
$$;
comment on function chat.end_blocked(uuid[]) is
    'Ends sessions of somebody who was blocked; their tokens are dead at once. When the block is over their key revives them. Answers how many.';

create or replace function chat.check_block(p_reason text, p_until timestamptz)
returns void
language plpgsql
stable
as $$
begin
    if p_until <= clock_timestamp() then
        raise exception 'this block would be over already'
            using errcode = 'PT422', detail = 'chat/block_over', hint = 'give an end in the future, or none';
    end if;
    if char_length(p_reason) > 500 then
        raise exception 'the reason has % characters', char_length(p_reason)
            using errcode = 'PT422', detail = 'chat/too_long', hint = 'use at most 500';
    end if;
end
$$;
comment on function chat.check_block(text, timestamptz) is 'Raises PT422 chat/block_over or chat/too_long for an end in the past or a long reason.';
