-- What: who may listen to which topic of Realtime, and who may say something there.
-- Why: Realtime asks by a row of realtime.messages that it inserts and looks at under the joiner's role and claims, and
--      keeps the answer until it is asked again. Two policies, each a sentence over one helper, which finds everything by
--      a key and never raises: an error there would refuse everybody with a shrug.
--      Policies of realtime.messages lock more than that table on hosted projects, so they are made only when they are
--      not there as they should be, and wait for locks no longer than a few seconds.
-- Leaves out: what is told there (docs/live.md); the database itself, which writes past these policies.

create or replace function chat.may_use_topic(p_topic text, p_extension text, p_speaks boolean)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    parts constant text[] := regexp_match(p_topic,
        '^chat:(site|conversation|visitor|typing|presence):([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$');
    noun constant text := parts[1];
    named constant uuid := parts[2];
    -- Who may view hears; who may reply lets others know that they write.
    permission constant text := case
        when p_speaks then 'live-chat.conversations.reply' else 'live-chat.conversations.view' end;
begin
    if p_extension = 'presence' or noun = 'presence' then
        return noun = 'presence' and (p_extension = 'presence' or not p_speaks)
            and chat.may(named, 'live-chat.conversations.view') is true;
    elsif noun = 'typing' then
        if chat.may_in(named, permission) then
            return true;
        end if;
        return exists (
            select from public.mod_chat_conversations c
            where c.id = named and c.visitor_id = any (chat.my_visitor_ids()));
    elsif p_speaks then
        -- What these say is written by the database alone.
        return false;
    end if;
    return case noun
        when 'site' then chat.may(named, permission) is true
        when 'conversation' then chat.may_in(named, permission)
        when 'visitor' then named = any (chat.my_visitor_ids())
        else false
    end;
exception when others then
    -- A token that is over, and claims that are none.
    return false;
end
$$;
comment on function chat.may_use_topic(text, text, boolean) is
    'Whether the caller may listen to a topic of Realtime (p_speaks: say something there) by broadcast or presence. Never raises. chat:site:<id>, chat:conversation:<id>, chat:visitor:<id> are written by the database; chat:typing:<conversation> by both sides, chat:presence:<site> by agents.';

do $do$
declare
    -- As PostgreSQL shows it, without blanks: a policy that reads so is left alone.
    hears constant text := '((topic=(SELECTrealtime.topic()AStopic))ANDchat.may_use_topic(topic,extension,false))';
    speaks constant text := '((topic=(SELECTrealtime.topic()AStopic))ANDchat.may_use_topic(topic,extension,true))';
    people constant name[] := array['anon', 'authenticated'];
    waits constant text := current_setting('lock_timeout');
    wanted record;
begin
    if to_regclass('realtime.messages') is null then
        return;
    end if;
    perform set_config('lock_timeout', '5s', true);
    for wanted in
        select * from (values
            ('chat_topics_hear', 'SELECT', hears, 'for select to anon, authenticated
                using (topic = (select realtime.topic()) and chat.may_use_topic(topic, extension, false))'),
            ('chat_topics_speak', 'INSERT', speaks, 'for insert to anon, authenticated
                with check (topic = (select realtime.topic()) and chat.may_use_topic(topic, extension, true))')
        ) p (name, verb, condition, definition)
        where not exists (
            select from pg_catalog.pg_policies there
            where there.schemaname = 'realtime' and there.tablename = 'messages' and there.policyname = p.name
                and there.cmd = p.verb and there.permissive = 'PERMISSIVE' and there.roles @> people and there.roles <@ people
                and regexp_replace(coalesce(there.qual, there.with_check), '\s', '', 'g') = p.condition)
    loop
        execute format('drop policy if exists %I on realtime.messages', wanted.name);
        execute format('create policy %I on realtime.messages %s', wanted.name, wanted.definition);
    end loop;
    perform set_config('lock_timeout', waits, true);
exception when insufficient_privilege then
    raise warning 'pg_chat: nobody may join a topic of Realtime yet: %', sqlerrm
        using hint = 'apply this migration again as a role that may make policies on realtime.messages';
end
$do$;

revoke all on function chat.may_use_topic(text, text, boolean) from public, anon, authenticated, service_role;
grant execute on function chat.may_use_topic(text, text, boolean) to anon, authenticated;

-- PostgREST reads its schema once; without this a fresh install answers 404 until a restart.
notify pgrst, 'reload schema';
