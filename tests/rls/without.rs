//! Each rule that an attack meets is taken away in a world of its own, and the attack must get through then. So an
//! attack that is held off by chance, or tests nothing, is found.

use anyhow::{Result, bail};

use crate::attacks::{
    across_sites, authors, claims, files, limits, lists, numbers, rights, roles, routing, secrets,
    sessions, settings, statuses, talk, topics, visitors, widget,
};
use crate::world::World;

/// A test a line: its name, the attack that gets through, and the statements that take the rule away.
macro_rules! gets_through {
    ($($name:ident: $attack:path, $($removal:expr),+;)+) => {
        $(
            #[tokio::test]
            async fn $name() -> Result<()> {
                let world = World::new().await?;
                $(world.as_owner(&$removal).await?;)+
                gets_through($attack(&world).await)
            }
        )+
    };
}

/// An attack errs when it is not held off as it should be. An error of the database itself would only say that the
/// removal broke something.
fn gets_through(attack: Result<()>) -> Result<()> {
    match attack {
        Ok(()) => bail!("the attack was held off all the same"),
        Err(error) if error.is::<sqlx::Error>() => {
            Err(error.context("the removal broke more than the rule"))
        }
        Err(_) => Ok(()),
    }
}

gets_through! {
    no_grant_on_secrets: secrets::reading_them_from_tables,
        "grant select on chat.sealed_secrets to authenticated";
    the_grants_of_the_worker_alone: secrets::asking_as_the_worker_does,
        "grant execute on function chat_secrets_to_reseal(text, text, integer) to authenticated";
    no_secret_in_the_list_of_numbers: secrets::asking_for_them_by_any_function,
        edit("chat_whatsapp_numbers", "a.site_id is null,", "a.sealed_secret,");
    no_secret_in_a_refusal: secrets::seeing_one_in_a_refusal,
        edit("chat.sealed", "the % is not sealed', p_what", "the % is not sealed', p_envelope");
    the_site_of_an_app: secrets::replacing_those_of_a_foreign_app,
        edit("chat.app_to_save", "or a.site_id = any (mine) and", "or"),
        edit("chat.app_to_save", "(p_secret is null or app.site_id = any (mine))", "true");
    the_author_from_the_token: authors::speaking_as_somebody_else,
        "drop trigger _100_author on mod_chat_messages";
    the_lookup_of_an_id: authors::an_id_that_stands_elsewhere,
        edit("chat.stamp_message", "where m.id = new.id", "where false");
    no_grant_on_load_and_status: authors::numbers_that_count,
        "grant update (status) on mod_chat_agents to authenticated";
    the_site_of_the_conversation: across_sites::a_message_under_another_site,
        edit("chat.stamp_message", "new.site_id := conversation.site_id;", ""),
        edit("chat.stamp_author", "new.site_id := author.site_id;", ""),
        "alter table mod_chat_messages drop constraint mod_chat_messages_conversation_id_fkey";
    the_key_to_agents: across_sites::a_foreign_agent,
        "alter table mod_chat_conversations drop constraint mod_chat_conversations_assigned_agent_id_fkey";
    the_key_to_departments: across_sites::a_foreign_department,
        "alter table mod_chat_conversations drop constraint mod_chat_conversations_department_id_fkey";
    the_key_to_visitors: across_sites::a_foreign_visitor,
        "alter table mod_chat_conversations drop constraint mod_chat_conversations_visitor_id_fkey";
    the_key_to_messages: across_sites::a_reply_to_a_foreign_message,
        "drop trigger _250_links on mod_chat_messages",
        "alter table mod_chat_messages drop constraint mod_chat_messages_reply_to_id_fkey";
    the_policy_of_articles: across_sites::rows_for_a_foreign_site,
        "alter policy chat_knowledge_base_insert on mod_chat_knowledge_base with check (true)";
    the_right_to_answer: across_sites::a_message_into_a_foreign_conversation,
        edit("chat.author_of", "or not chat.may(author_of.site_id, 'live-chat.conversations.reply')", "");
    the_right_of_each_column: rights::columns_without_their_permission,
        "drop trigger _100_guard on mod_chat_conversations";
    nothing_else_in_a_claim: rights::another_change_in_a_claim,
        edit("chat.guard_conversation", "and new.status = 'active'", "");
    agents_that_are_active: rights::working_after_deactivation,
        edit("chat.my_sites_with", "and a.is_active", ""),
        edit("chat.my_site_ids", "and a.is_active", "");
    the_rank_of_who_saves_an_agent: roles::raising_oneself_as_a_manager_of_agents,
        edit("public.chat_save_agent", "perform chat.require_rank(chat_save_agent.site, chat_save_agent.role, 0);", "");
    the_rank_of_a_saved_agent: roles::raising_oneself_as_a_manager_of_agents,
        edit("public.chat_save_agent", "perform chat.require_rank(chat_save_agent.site, a.role, 0)", "perform");
    the_permission_that_is_given: roles::giving_what_one_has_not,
        edit("public.chat_save_permission",
            "perform chat.require(chat_save_permission.site, chat_save_permission.permission);", "");
    the_rank_of_who_gives: roles::changing_a_role_that_is_not_below_ones_own,
        edit("public.chat_save_permission",
            "perform chat.require_rank(chat_save_permission.site, chat_save_permission.role, 1);", "");
    the_rank_of_who_limits: roles::changing_a_role_that_is_not_below_ones_own,
        edit("public.chat_save_role_limit",
            "perform chat.require_rank(chat_save_role_limit.site, chat_save_role_limit.role, 1);", "");
    the_limit_on_conversations: limits::conversations_beyond_a_limit,
        "alter policy chat_conversations_select on mod_chat_conversations using (site_id = any (chat.my_site_ids()))";
    the_limit_on_messages: limits::messages_beyond_a_limit,
        "alter policy chat_messages_select on mod_chat_messages using (site_id = any (chat.my_site_ids()))";
    the_limit_on_visitors: limits::visitors_beyond_a_limit,
        "alter policy chat_visitors_select on mod_chat_visitors using (site_id = any (chat.my_site_ids()))";
    the_limit_on_changes_of_visitors: limits::visitors_beyond_a_limit,
        "alter policy chat_visitors_update on mod_chat_visitors using (site_id = any (chat.my_site_ids()))";
    the_limit_on_changes: limits::changing_beyond_a_limit,
        "alter policy chat_conversations_update on mod_chat_conversations using (site_id = any (chat.my_site_ids()))";
    the_limit_on_answers: limits::answering_beyond_a_limit,
        edit("chat.author_of", "or not chat.sees_conversation(p_conversation)", "");
    the_limit_in_functions: limits::asking_beyond_a_limit,
        edit("public.chat_explain_assignment", "chat.may_in(c.id, ", "chat.may(c.site_id, ");
    the_limit_on_promises: limits::asking_beyond_a_limit,
        edit("public.chat_sla_of", "chat.may_in(c.id, ", "chat.may(c.site_id, ");
    the_limit_on_badges_of_promises: lists::promises_beyond_a_limit,
        edit("public.chat_counts", "(not limited or chat.sees_conversation(k.conversation_id))", "true");
    the_site_of_a_promise: settings::a_foreign_promise,
        edit("public.chat_delete_sla", "p.site_id = chat_delete_sla.site and p.id", "p.id");
    the_limit_on_sending_again: limits::asking_beyond_a_limit,
        edit("public.chat_resend_message", "chat.may_in(m.conversation_id, ", "chat.may(m.site_id, ");
    the_limit_on_examples: limits::trying_rules_beyond_a_limit,
        edit("chat.count_of_trial", "and chat.may_in(x.conversation_id, 'live-chat.conversations.view')", "");
    the_site_of_a_rules_department: across_sites::rules_that_send_to_a_foreign_department,
        edit("chat.known_to_rules", "d.site_id = p_site and d.is_active", "d.is_active");
    the_limit_on_starting: limits::starting_what_a_colleague_has,
        edit("public.chat_start_conversation", "if not chat.sees_conversation(home) then", "if false then");
    the_writer_of_a_private_answer: rights::a_colleagues_private_answer,
        "alter policy chat_canned_responses_delete on mod_chat_canned_responses using (true)";
    the_right_to_whatsapp_settings: settings::columns_of_another_permission,
        "drop trigger _100_guard on mod_chat_widget_settings";
    the_owner_of_a_number: settings::a_number_of_another_site,
        edit("chat.claim_number", "n.confirmed_at is not null and n.site_id <> p_site", "false");
    the_app_that_signed: numbers::an_app_that_signs_for_a_foreign_number,
        edit("chat.receiving_number", "and acc.app_id = p_app", "");
    the_confirmation_to_receive: numbers::a_number_not_confirmed,
        edit("chat.receiving_number", "and n.confirmed_at is not null", "");
    the_confirmation_to_send: numbers::sending_after_disconnection,
        edit("public.chat_begin_attempt", "or target.confirmed_at is null", "");
    the_site_of_a_wamid: statuses::a_foreign_status,
        edit("chat.message_of_status", "m.site_id = p_site and", "");
    the_site_of_callback_data: statuses::a_foreign_status_before_the_answer,
        edit("chat.message_of_status", "and m.site_id = p_site", "");
    the_right_to_a_chat: talk::a_hand_on_a_foreign_chat,
        edit("chat.lock_conversation", "if chat.may_in(p_conversation, 'live-chat.conversations.view') then", "if true then");
    the_right_to_a_message: talk::a_hand_on_a_foreign_message,
        edit("chat.actor_of", "and chat.may_in(p_conversation, 'live-chat.conversations.view')", "");
    the_right_to_what_was_said_before: talk::a_hand_on_a_foreign_message,
        edit("public.chat_message_history", "or not chat.may_in(m.conversation_id, 'live-chat.conversations.view')", "");
    the_right_to_take_back_what_others_said: talk::a_colleagues_words_taken_back,
        edit("chat.revise", "live-chat.conversations.assign", "live-chat.conversations.reply");
    the_user_of_a_private_answer: talk::using_a_colleagues_private_answer,
        edit("public.chat_use_canned", "and (r.is_shared or r.created_by = me)", "");
    the_finder_of_a_private_answer: talk::using_a_colleagues_private_answer,
        edit("public.chat_find_canned", "and (r.is_shared or r.created_by = me)", "");
    the_right_to_a_plan: talk::calling_off_a_foreign_plan,
        edit("public.chat_cancel_scheduled", "or not chat.may_in(planned.conversation_id, 'live-chat.conversations.view')", "");
    bulk_changes_as_their_caller: talk::many_chats_at_once_without_the_right,
        "alter function public.chat_bulk(uuid[], jsonb) security definer";
    the_site_of_people_to_lock: talk::holding_foreign_people,
        edit("chat.lock_people_of",
            " and c.site_id = any (chat.my_sites_with('live-chat.conversations.view'))", "");
    the_right_to_go_beyond_ones_room: routing::claiming_beyond_ones_room,
        edit("public.chat_claim", "perform chat.require(c.site_id, 'live-chat.conversations.assign');", "");
    the_right_to_go_beyond_anybodys_room: routing::handing_over_beyond_anybodys_room,
        edit("public.chat_transfer", "perform chat.require(c.site_id, 'live-chat.conversations.assign');", "");
    the_right_to_move_what_others_have: routing::moving_what_a_colleague_has,
        edit("chat.require_hand", "perform chat.require(p_conversation.site_id, 'live-chat.conversations.assign');", "");
    the_site_of_who_learns: routing::the_skills_of_a_foreign_agent,
        edit("public.chat_save_skills", "a.site_id = chat_save_skills.site and ", "");
    the_site_of_a_routed_department: routing::routing_to_a_foreign_department,
        edit("public.chat_save_routing", "d.site_id = chat_save_routing.site and ", "");
    the_site_of_told_settings: routing::reading_how_another_site_routes,
        edit("public.chat_routing", "o.site_id = chat_routing.site and ", "");
    the_site_of_a_department_with_hours: routing::the_hours_of_a_foreign_department,
        edit("public.chat_hours", "d.site_id = chat_hours.site and ", "");
    the_visitor_who_ends_a_chat: talk::a_visitor_in_the_chat_of_another,
        edit("chat.require_own_conversation", "and c.visitor_id = any (mine)", "");
    the_visitor_of_a_place: talk::a_visitor_in_the_place_of_another,
        edit("public.chat_queue_position", "and c.visitor_id = any (mine)", "");
    the_right_to_the_queue: lists::the_queue_of_a_foreign_site,
        edit("public.chat_queue", "perform chat.require(chat_queue.site, 'live-chat.conversations.view');", "");
    the_limit_on_the_queue: lists::the_queue_beyond_a_limit,
        edit("public.chat_queue", "where not limited or", "where true or");
    the_right_to_a_report: lists::a_report_of_a_foreign_site,
        edit("public.chat_agent_load", "perform chat.require(chat_agent_load.site, 'live-chat.analytics.view');", "");
    the_visitor_of_a_chat: talk::a_visitor_in_the_chat_of_another,
        edit("chat.actor_of", "conversation.visitor_id = any (mine)", "cardinality(mine) > 0");
    the_visitor_of_a_message: talk::a_visitor_at_a_message_of_another,
        edit("chat.actor_of", "conversation.visitor_id = any (mine)", "cardinality(mine) > 0");
    notes_closed_to_visitors: talk::a_visitor_at_a_note,
        edit("chat.message_for_actor", "or message.public_seq is null", "");
    the_site_of_a_named_agent: talk::naming_a_foreign_agent,
        edit("chat.check_links", "a.site_id = new.site_id and", "");
    the_site_of_a_token: sessions::a_token_of_another_site,
        edit("chat.my_session", "session.site_id::text is distinct from lower(claims ->> 'chat_site')", "false");
    the_end_of_a_session: sessions::a_session_that_is_over,
        edit("chat.my_session", "session.ended_at is not null or ", "");
    the_time_of_a_token: sessions::a_token_that_has_expired,
        edit("chat.my_session", "(claims ->> 'exp')::numeric <= extract(epoch from p_now)", "false");
    the_site_of_a_key: sessions::a_key_at_another_site,
        edit("chat.session_of_key", "and s.site_id = p_settings.site_id", "");
    the_site_of_a_visitor: visitors::people_of_a_foreign_site,
        edit("chat.require_for_visitor", "or not chat.may(site, 'live-chat.conversations.view')", "");
    the_right_over_a_visitor: visitors::erasing_without_the_right,
        edit("chat.require_for_visitor", "perform chat.require(site, p_permission);", "");
    the_right_to_block: visitors::blocking_without_the_right,
        edit("public.chat_block_visitor", "conversations.resolve", "conversations.reply");
    the_right_to_block_an_address: visitors::an_address_without_the_right,
        edit("public.chat_block_address", "perform chat.require(chat_block_address.site, 'live-chat.settings.manage');", "");
    the_site_of_a_block: visitors::a_foreign_block,
        edit("public.chat_unblock", "or not chat.may(lifted.site_id, 'live-chat.conversations.view')", ""),
        edit("chat.require", "chat.may(p_site, p_permission) is not true", "false");
    the_right_to_the_inbox: lists::the_inbox_of_a_foreign_site,
        edit("chat.inbox_sites", "if wanted <> all (sites) then", "if false then");
    the_right_to_badges: lists::badges_of_a_foreign_site,
        edit("public.chat_counts", "perform chat.require(chat_counts.site, 'live-chat.conversations.view');", "");
    the_right_to_search: lists::searching_a_foreign_site,
        edit("public.chat_search", "perform chat.require(chat_search.site, 'live-chat.conversations.view');", "");
    the_site_of_a_hit: lists::searching_a_foreign_site,
        edit("chat.search_hits", "where e.site_id = p_site and", "where");
    the_policy_of_messages: lists::reading_a_foreign_conversation,
        "alter policy chat_messages_select on mod_chat_messages using (true)";
    the_maker_of_a_list: lists::a_colleagues_own_list,
        edit("chat.saved_view", "and (v.is_shared or v.created_by = auth.uid())", "");
    the_site_of_a_list: lists::a_foreign_list,
        edit("chat.saved_view", "v.site_id = any (chat.my_sites_with('live-chat.conversations.view'))", "true"),
        edit("chat.saved_view", "perform chat.require_view_right(found_view.site_id, found_view.is_shared);", "");
    the_part_of_the_inbox: lists::listing_beyond_a_limit,
        edit("chat.inbox_condition", "if limited <> '{}' then", "if false then");
    the_part_of_badges: lists::counting_beyond_a_limit,
        edit("public.chat_counts", "and (not limited or", "and (true or");
    the_part_of_hits: lists::searching_beyond_a_limit,
        edit("chat.search_hits", "where (not limited or", "where (true or");
    the_owner_of_a_chat: widget::anothers_chat,
        edit("chat.my_visitor_ids", "chat.visitors_of((chat.my_session()).identity_id)", "array(select id from public.mod_chat_visitors)");
    the_barrier_to_notes: widget::a_note_about_oneself,
        edit_view("chat_my_messages", "AND (m.public_seq IS NOT NULL)");
    the_chat_one_writes_in: widget::a_message_in_anothers_chat,
        edit("chat.open_for_visitor", "and c.visitor_id = any (p_mine)", "");
    the_message_one_quotes: widget::a_quote_of_anothers_message,
        edit("chat.quotable", "and m.conversation_id = p_conversation", "");
    the_session_of_a_file: widget::anothers_file,
        edit("chat.take_upload", "and u.session_id = p_session.id", "");
    the_place_of_a_file: widget::a_file_anywhere,
        "alter policy chat_media_upload on storage.objects with check (true)";
    the_readers_of_files: files::files_of_a_foreign_site,
        "alter policy chat_media_read on storage.objects using (true)";
    the_right_to_put_a_file: files::a_file_for_a_foreign_site,
        "alter policy chat_media_send on storage.objects with check (true)";
    the_part_of_a_site_that_files_lie_in: files::files_beyond_a_limit,
        edit("chat.may_read_file", "site <> all (chat.my_limited_sites())", "true");
    the_right_to_a_file_that_is_sent: files::a_colleagues_file_carried_away,
        edit("chat.file_to_send", "and not chat.may_read_file(p_path)", "and false");
    the_site_of_a_file_that_is_sent: files::a_foreign_sites_file_carried_away,
        edit("chat.require_own_file", "'chat/' || p_site || '/'", "'chat/'");
    the_readers_of_a_files_address: files::the_address_of_a_foreign_file,
        edit("public.chat_file_url", "chat.may_in(m.conversation_id, 'live-chat.conversations.view')", "true");
    the_messages_that_a_visitor_reads_files_of: files::the_address_of_a_file_beside_a_note,
        edit("public.chat_file_url", "exists (select from public.chat_my_messages v where v.id = m.id)", "true");
    the_site_of_a_signed_path: files::the_address_of_another_sites_path,
        edit("public.chat_file_url", "inside := chat.site_of_path(m.file_url) = m.site_id", "inside := true");
    the_proof_of_an_identity: widget::a_proof_that_is_none,
        edit("public.chat_identify", "not chat.identity_proven(user_id, user_hash, key)", "false");
    the_form_before_a_chat: widget::no_form,
        edit("public.chat_post_message", "perform chat.require_form(session, settings);", "");
    the_domains_of_a_widget: widget::a_domain_that_is_not_allowed,
        edit("public.chat_open_session", "perform chat.require_domain(settings);", "");
    the_right_to_an_identity_key: widget::a_key_for_oneself,
        edit("public.chat_rotate_identity_key", "perform chat.require(chat_rotate_identity_key.site, 'live-chat.settings.manage');", "");
    the_listeners_of_topics: topics::hearing_what_is_not_ones_own,
        "alter policy chat_topics_hear on realtime.messages using (true)";
    the_speakers_of_topics: topics::speaking_where_the_database_does,
        "alter policy chat_topics_speak on realtime.messages with check (true)";
    the_topic_of_a_row: topics::rows_of_another_topic,
        "alter policy chat_topics_hear on realtime.messages using (chat.may_use_topic(topic, extension, false))";
    the_session_of_a_topic: topics::hearing_with_a_token_that_is_over,
        edit("chat.my_session", "or session.ended_at is not null", "");
    the_part_that_a_topic_is_of: topics::hearing_beyond_a_limit,
        edit("chat.may_use_topic", "chat.may_in(named, permission)", "true");
    the_speaker_that_is_the_database: topics::speaking_where_the_database_does,
        edit("chat.may_use_topic", "elsif p_speaks then", "elsif false then");
    the_visitor_who_types: topics::typing_in_a_foreign_chat,
        edit("chat.may_use_topic", "and c.visitor_id = any (chat.my_visitor_ids())", "");
    the_right_to_type: topics::typing_without_the_right_to_answer,
        edit("chat.may_use_topic", "when p_speaks then 'live-chat.conversations.reply'", "when false then 'live-chat.conversations.reply'");
    the_site_of_who_is_present: topics::being_present_at_a_foreign_site,
        edit("chat.may_use_topic", "and chat.may(named, 'live-chat.conversations.view') is true", "");
    claims_that_are_none: topics::tokens_and_topics_that_make_no_sense,
        edit("chat.may_use_topic", "exception when others then", "exception when division_by_zero then");
    names_bound_to_their_schemas: claims::a_table_in_front_of_ours,
        edit("chat.my_sites_with", "public.mod_chat_agents", "mod_chat_agents"),
        "alter function chat.my_sites_with(text) reset search_path";
}

/// Statements that take a condition out of a view, and fail when it is not there.
fn edit_view(view: &str, piece: &str) -> String {
    format!(
        "do $do$
        declare
            old constant text := pg_get_viewdef('{view}'::regclass);
            new constant text := replace(old, '{piece}', '');
        begin
            if old = new then
                raise exception 'the condition to take away is not in {view} any more: %', old;
            end if;
            execute 'create or replace view {view} as ' || new;
        end
        $do$"
    )
}

/// Statements that replace a piece of a function's body, and fail when it is not there.
fn edit(function: &str, piece: &str, replacement: &str) -> String {
    let quoted = |text: &str| text.replace('\'', "''");
    format!(
        "do $do$
        declare
            old constant text := pg_get_functiondef('{function}'::regproc);
            new constant text := replace(old, '{}', '{}');
        begin
            if old = new then
                raise exception 'the piece to take away is not in {function} any more';
            end if;
            execute new;
        end
        $do$",
        quoted(piece),
        quoted(replacement)
    )
}
