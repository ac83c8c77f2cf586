-- Everything that no visitor may receive, or only the one who is named: (what, value, visitor). Run as the superuser,
-- because addresses stand in auth.users. Asks the tables alone: no view or function of ours that might be wrong.
with said as (
    select m.id, m.content, m.public_seq is null as is_note, c.visitor_id, m.sender_type
    from public.mod_chat_messages m join public.mod_chat_conversations c on c.id = m.conversation_id)
select 'a note' as what, s.content as value, null::uuid as visitor from said s where s.is_note and s.content <> ''
union all
select 'the id of a note', s.id::text, null from said s where s.is_note
union all
select 'what a note said before', v.content, null
from said s join chat.message_versions v on v.message_id = s.id where s.is_note
union all
select 'what another visitor was told', s.content, s.visitor_id
from said s where not s.is_note and s.content <> '' and s.sender_type <> 'system'
union all
select 'the id of another visitor''s message', s.id::text, s.visitor_id from said s where not s.is_note
union all
select 'another visitor''s id', v.id::text, v.id from public.mod_chat_visitors v
union all
select 'another visitor''s ' || x.what, x.value, v.id
from public.mod_chat_visitors v, lateral (values ('name', v.name), ('e-mail', v.email), ('phone', v.phone)) x (what, value)
where x.value <> ''
union all
select 'another visitor''s conversation', c.id::text, c.visitor_id from public.mod_chat_conversations c
union all
select 'a tag', t.tag, null from public.mod_chat_conversations c, unnest(c.tags) t (tag)
union all
select 'an agent''s ' || x.what, x.value, null
from public.mod_chat_agents a
left join public.mod_chat_widget_settings s on s.site_id = a.site_id
left join auth.users u on u.id = a.user_id,
    lateral (values
        ('id', a.id::text), ('user', a.user_id::text), ('e-mail', u.email),
        ('hidden name', case when s.show_agent_name is false then a.display_name end),
        ('hidden avatar', case when s.show_agent_avatar is false then a.avatar_url end)) x (what, value)
where x.value <> ''
union all
-- What docs say is public; everything else of the settings is not, by name and, where it can be recognized, by value.
select distinct x.what, x.value, null::uuid
from public.mod_chat_widget_settings s, jsonb_each_text(to_jsonb(s)) e,
    lateral (values ('a closed setting', '"' || e.key || '"'), ('the value of a closed setting', e.value)) x (what, value)
where e.key not in (
        'id', 'site_id', 'created_at', 'updated_at', 'primary_color', 'text_color', 'position', 'launcher_icon',
        'launcher_size', 'border_radius', 'z_index', 'company_name', 'welcome_message', 'away_message', 'offline_message',
        'logo_url', 'pre_chat_enabled', 'pre_chat_name_required', 'pre_chat_email_required', 'pre_chat_phone_enabled',
        'pre_chat_phone_required', 'pre_chat_message_required', 'pre_chat_department_selector', 'business_hours_enabled',
        'business_hours', 'timezone', 'auto_open_delay_seconds', 'show_agent_avatar', 'show_agent_name',
        'show_typing_indicator', 'enable_file_uploads', 'enable_emoji', 'enable_sound_notifications',
        'enable_satisfaction_rating', 'language', 'custom_translations', 'max_file_size_mb', 'allowed_file_types',
        'privacy_text', 'privacy_url', 'privacy_required', 'privacy_version', 'whatsapp_phone_number')
    and (x.what = 'a closed setting' or length(x.value) >= 12)
union all
select 'the number of a site without WhatsApp', s.whatsapp_phone_number, null
from public.mod_chat_widget_settings s where not s.whatsapp_enabled and s.whatsapp_phone_number <> ''
