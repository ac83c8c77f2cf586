-- What: whether somebody may not write: the block list and LC-01's blocked_ips, asked together.
-- Why: whoever opens a session or a conversation asks here, under the identity's lock where there is one.
-- Leaves out: making and lifting blocks (block.sql, unblock.sql).

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
declare
    rows uuid[];
begin
    -- Most sites block nobody, and then the question costs next to nothing.
    if exists (select from chat.blocks b where b.site_id = p_site and (b.expires_at is null or b.expires_at > p_now)) then
        rows := chat.person_rows(p_visitor);
        if exists (
            select from chat.blocks b
            where b.site_id = p_site and (b.expires_at is null or b.expires_at > p_now)
                and (p_address <<= b.address or b.visitor_id = any (rows)))
        then
            return true;
        end if;
    end if;
    return p_address is not null and exists (
        select from public.mod_chat_widget_settings s
        cross join lateral unnest(s.blocked_ips) blocked (address)
        where s.site_id = p_site and p_address <<= chat.address_of(blocked.address));
end
$$;
comment on function chat.is_blocked(uuid, uuid, inet, timestamptz) is
    'Whether a person (with all visitors merged with them) or an address is blocked at a site now, by the block list or the settings'' blocked_ips. Either may be null.';

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
