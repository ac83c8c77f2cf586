-- What: what happens by itself to widget settings.
-- Why: LC-01's updated_at, hours that can be used, the version of the privacy text, and its whatsapp_* columns claim the site's default number.
-- Leaves out: everything the widget itself does.

create or replace trigger _200_stamp before update on public.mod_chat_widget_settings
    for each row when (new.updated_at is not distinct from old.updated_at) execute function chat.stamp_updated_at();
create or replace trigger _300_privacy_version before update on public.mod_chat_widget_settings
    for each row when ((new.privacy_text, new.privacy_url) is distinct from (old.privacy_text, old.privacy_url))
    execute function chat.next_privacy_version();
create or replace trigger _500_claim_number after insert or update of whatsapp_enabled, whatsapp_phone_number_id,
    whatsapp_business_account_id, whatsapp_phone_number on public.mod_chat_widget_settings
    for each row execute function chat.claim_number_by_settings();
create or replace trigger _300_blocked_ips before insert or update of blocked_ips on public.mod_chat_widget_settings
    for each row execute function chat.check_blocked_ips();
create or replace trigger _300_hours before insert or update of business_hours, business_hours_enabled, timezone
    on public.mod_chat_widget_settings
    for each row execute function chat.check_hours_of_site();
