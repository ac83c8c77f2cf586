-- What: the block list, and taking a block back.
-- Why: whoever may block so may lift it; what was closed stays closed, and a session's key opens it again.
-- Leaves out: blocked_ips of the settings, which are edited there.

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
    if not found or not chat.may(lifted.site_id, 'live-chat.conversations.view')
        or lifted.visitor_id is not null and lifted.site_id = any (chat.my_limited_sites())
            and not chat.sees_visitor(lifted.visitor_id)
    then
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
declare
    limited constant boolean := chat_blocks.site = any (chat.my_limited_sites());
begin
    perform chat.require(chat_blocks.site, 'live-chat.conversations.view');
    return coalesce((
        select jsonb_agg(to_jsonb(b) || jsonb_build_object(
            'visitor_name', v.name, 'active', b.expires_at is null or b.expires_at > clock_timestamp())
            order by b.created_at desc, b.id)
        from chat.blocks b
        left join public.mod_chat_visitors v on v.id = b.visitor_id
        where b.site_id = chat_blocks.site
            and (b.visitor_id is null or not limited or chat.sees_visitor(b.visitor_id))), '[]');
end
$$;
comment on function public.chat_blocks(uuid) is
    'The block list of a site, newest first: [{id, visitor_id, visitor_name, address, reason, blocked_by, created_at, expires_at, active}]. Needs live-chat.conversations.view. PT403 chat/not_allowed.';
