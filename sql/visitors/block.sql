-- What: blocks and unblocks people and addresses, and says who is blocked.
-- Why: a block acts at once: open chats of the person are closed in its transaction, and whoever opens a session or a
--      conversation asks chat.is_blocked under the identity's lock.
-- Leaves out: rates, which are the widget's.

create or replace function chat.address_of(p_text text)
returns cidr
language plpgsql
immutable
as $$
begin
    -- `203.0.113.9/24` means its network, where the type cidr would refuse it.
    return network(trim(p_text)::inet);
exception
    when invalid_text_representation then
        return null;
end
$$;
comment on function chat.address_of(text) is 'The address or network a text says; null when it says none.';

create or replace function chat.is_blocked(
    p_site uuid, p_visitor uuid, p_address inet, p_now timestamptz default clock_timestamp())
returns boolean
language plpgsql
stable
as $$
begin
    return exists (
            select from chat.blocks b
            where b.site_id = p_site and (b.expires_at is null or b.expires_at > p_now)
                and (p_address <<= b.address or b.visitor_id = any (chat.person_rows(p_visitor))))
        or exists (
            select from public.mod_chat_widget_settings s
            cross join lateral unnest(s.blocked_ips) blocked (address)
            where s.site_id = p_site and p_address <<= chat.address_of(blocked.address));
end
$$;
comment on function chat.is_blocked(uuid, uuid, inet, timestamptz) is
    'Whether a person (with all visitors merged with them) or an address is blocked at a site now, by the block list or the settings'' blocked_ips. Either may be null.';

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
    insert into chat.blocks as b (site_id, visitor_id, reason, blocked_by, expires_at)
    values (site, chat_block_visitor.visitor, chat_block_visitor.reason, auth.uid(), chat_block_visitor.until)
    on conflict (site_id, visitor_id) do update
    set reason = excluded.reason, blocked_by = excluded.blocked_by, expires_at = excluded.expires_at
    returning b.id into block;
    update public.mod_chat_conversations c set status = 'closed'
    where c.visitor_id = any (rows) and c.archived_at is null;
    get diagnostics closed = row_count;
    return jsonb_build_object('block', block, 'closed_conversations', closed);
end
$$;
comment on function public.chat_block_visitor(uuid, text, timestamptz) is
    'Blocks a person at their site, until then or for good: their open chats are closed, they can begin no other on any channel. Again: replaces reason and end. Answers {block, closed_conversations}. Needs live-chat.conversations.resolve. PT404 chat/no_such_visitor, PT422 chat/block_over, chat/too_long.';

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
    return jsonb_build_object('block', block, 'address', network);
end
$$;
comment on function public.chat_block_address(uuid, text, text, timestamptz) is
    'Blocks an address or network at a site, until then or for good. Answers {block, address}. Needs live-chat.settings.manage. PT403 chat/not_allowed, PT422 chat/invalid_address, chat/network_too_wide, chat/block_over, chat/too_long.';

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

create or replace function public.chat_unblock(block uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    lifted chat.blocks;
begin
    select b.* into lifted from chat.blocks b where b.id = chat_unblock.block for update;
    if not found or not chat.may(lifted.site_id, 'live-chat.conversations.view') then
        raise exception 'there is no block %', coalesce(chat_unblock.block::text, 'null')
            using errcode = 'PT404', detail = 'chat/no_such_block', hint = 'chat_blocks lists them with their ids';
    end if;
    perform chat.require(lifted.site_id,
        case when lifted.address is null then 'live-chat.conversations.resolve' else 'live-chat.settings.manage' end);
    delete from chat.blocks b where b.id = lifted.id;
    return to_jsonb(lifted);
end
$$;
comment on function public.chat_unblock(uuid) is
    'Takes a block back; what was closed stays closed. Answers the row. Needs the right to block so. PT404 chat/no_such_block, PT403 chat/not_allowed.';

create or replace function public.chat_blocks(site uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform chat.require(chat_blocks.site, 'live-chat.conversations.view');
    return coalesce((
        select jsonb_agg(to_jsonb(b) || jsonb_build_object(
            'visitor_name', v.name, 'active', b.expires_at is null or b.expires_at > clock_timestamp())
            order by b.created_at desc, b.id)
        from chat.blocks b
        left join public.mod_chat_visitors v on v.id = b.visitor_id
        where b.site_id = chat_blocks.site), '[]');
end
$$;
comment on function public.chat_blocks(uuid) is
    'The block list of a site, newest first: [{id, visitor_id, visitor_name, address, reason, blocked_by, created_at, expires_at, active}]. Needs live-chat.conversations.view. PT403 chat/not_allowed.';

create or replace function chat.check_blocked_ips()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
    wrong text;
begin
    select a.address into wrong from unnest(new.blocked_ips) a (address) where chat.address_of(a.address) is null limit 1;
    if found then
        raise exception '% is no address', coalesce(left(wrong, 50), 'null')
            using errcode = 'PT422', detail = 'chat/invalid_address', hint = 'use addresses such as 203.0.113.9 or networks such as 203.0.113.0/24';
    end if;
    return new;
end
$$;
comment on function chat.check_blocked_ips() is
    'Before LC-01''s blocked_ips are written: each is an address or a network. PT422 chat/invalid_address.';
