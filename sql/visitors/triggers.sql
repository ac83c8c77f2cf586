-- What: what happens by itself to visitors. Why: LC-01's updated_at. Leaves out: totals, which messages and conversations keep.

create or replace trigger _200_stamp before update on public.mod_chat_visitors
    for each row when (new.updated_at is not distinct from old.updated_at) execute function chat.stamp_updated_at();
-- Only where one of these columns is written: a message's own update of totals does not pay for it.
create or replace trigger _300_profile before update of name, email, phone, avatar_url, external_id, tags, notes, custom_data
    on public.mod_chat_visitors
    for each row execute function chat.clean_profile();
create or replace trigger _300_profile_new before insert on public.mod_chat_visitors
    for each row when (new.channel <> 'whatsapp') execute function chat.clean_profile();
