//! What is read, and what a plain statement of the owner reads of the same.

/// One kind of call.
#[derive(Debug)]
pub struct Case {
    /// As the tables call it.
    pub name: &'static str,
    /// The statement; see [`Case::call`] for the words in braces.
    call: &'static str,
    /// What the owner asks, whom no policy stops: the same call, where it runs with its caller's rights, else a plain
    /// statement that names the site and reads the same rows.
    pub plain: Option<&'static str>,
    /// Milliseconds that one call of a hundred may exceed.
    pub goal_p99: Option<f64>,
    /// Milliseconds that five calls of a hundred may exceed.
    pub goal_p95: Option<f64>,
}

/// A page of the inbox, with its goal.
const fn page(name: &'static str, call: &'static str) -> Case {
    Case {
        name,
        call,
        plain: None,
        goal_p99: Some(10.0),
        goal_p95: None,
    }
}

/// A search, with its goal.
const fn search(name: &'static str, call: &'static str) -> Case {
    Case {
        name,
        call,
        plain: None,
        goal_p99: None,
        goal_p95: Some(150.0),
    }
}

/// Every case, in the order of the table.
pub const CASES: &[Case] = &[
    Case {
        plain: Some(
            "select l.* from (
                select id, last_message_at from mod_chat_conversations
                where site_id = {site} and archived_at is null order by last_message_at desc, id desc limit 25) c
            join chat_conversation_list l on l.id = c.id order by c.last_message_at desc, c.id desc",
        ),
        ..page("inbox open", "select * from chat_inbox('{\"status\": \"open\"}')")
    },
    page("inbox all", "select * from chat_inbox()"),
    page("inbox mine", "select * from chat_inbox('{\"assignedAgentId\": \"me\", \"status\": \"open\"}')"),
    page("inbox unassigned", "select * from chat_inbox('{\"assignedAgentId\": \"unassigned\", \"status\": \"open\"}')"),
    page("inbox pending", "select * from chat_inbox('{\"status\": \"pending\"}')"),
    page("inbox unread", "select * from chat_inbox('{\"unread\": true}')"),
    page("inbox department", "select * from chat_inbox('{\"departmentId\": {department}}')"),
    page("inbox urgent", "select * from chat_inbox('{\"priority\": \"urgent\"}')"),
    page("inbox channel api", "select * from chat_inbox('{\"channel\": \"api\"}')"),
    page("inbox number", "select * from chat_inbox('{\"phoneNumberId\": \"700\"}')"),
    page("inbox tag, one in 50", "select * from chat_inbox('{\"tags\": \"vip\"}')"),
    page("inbox tag, one in 1000", "select * from chat_inbox('{\"tags\": \"rare\"}')"),
    page("inbox missed", "select * from chat_inbox('{\"status\": \"missed\"}')"),
    page("inbox agent's archive", "select * from chat_inbox('{\"assignedAgentId\": {agent}, \"status\": \"archived\"}')"),
    page("inbox days of some year", "select * from chat_inbox('{\"dateTo\": {day}}')"),
    search("inbox search a mail", "select * from chat_inbox('{\"search\": \"person{number}@\"}')"),
    Case {
        plain: Some(
            "select status, snoozed_until is not null, assigned_agent_id, unread_agent_count > 0, channel, priority,
                department_id, phone_number_id, count(*)
            from mod_chat_conversations where site_id = {site} and archived_at is null group by 1, 2, 3, 4, 5, 6, 7, 8",
        ),
        goal_p99: Some(3.0),
        ..page("counts", "select chat_counts({site})")
    },
    Case {
        plain: Some("select * from chat_messages({conversation})"),
        ..page("message page, newest", "select * from chat_messages({conversation})")
    },
    Case {
        plain: Some("select * from chat_messages({long}, before => {seq})"),
        ..page("message page, older", "select * from chat_messages({long}, before => {seq})")
    },
    Case {
        plain: Some("select chat_changes({long}, 19990)"),
        ..page("changes since", "select chat_changes({long}, 19990)")
    },
    search("search a common word", "select chat_search({site}, 'refund')"),
    search("search a rare word", "select chat_search({site}, {word})"),
    search("search three words", "select chat_search({site}, 'refund delivery payment')"),
    search("search a beginning", "select chat_search({site}, 'pay')"),
    search("search two rare words", "select chat_search({site}, {two_words})"),
    search("search misspelt", "select chat_search({site}, 'delvery')"),
];

impl Case {
    /// The statement of a call: what stands in braces is another one with every number.
    pub fn call(&self, conversations: usize, number: usize) -> String {
        fill(self.call, conversations, number)
    }

    /// The plain statement of the same number.
    pub fn plain(&self, conversations: usize, number: usize) -> Option<String> {
        Some(fill(self.plain?, conversations, number))
    }
}

fn fill(statement: &str, conversations: usize, number: usize) -> String {
    let id = |prefix: &str, n: usize| format!("{prefix}000000-0000-4000-8000-{n:012}");
    let scattered = number * 7919;
    let in_filters = |text: String| format!("\"{text}\"");
    // Words of the long tail: the further on, the rarer.
    let word = |n: usize| {
        format!(
            "(select word from bench.words where n = {})",
            100 + n * 37 % 19_900
        )
    };
    statement
        .replace("{site}", &format!("'{}'", id("05", 0)))
        .replace("{department}", &in_filters(id("0d", number % 10)))
        .replace("{agent}", &in_filters(id("0b", number % 50)))
        .replace(
            "{day}",
            &in_filters(format!(
                "{}-{:02}-{:02}",
                2023 + number % 3,
                1 + number % 12,
                1 + number % 28
            )),
        )
        .replace("{number}", &(scattered % conversations).to_string())
        .replace(
            "{conversation}",
            &format!("'{}'", id("0f", scattered % (conversations / 5) * 5)),
        )
        .replace("{long}", &format!("'{}'", id("0f", 0)))
        .replace("{seq}", &(100 + scattered % 19_000).to_string())
        .replace("{word}", &word(number))
        .replace(
            "{two_words}",
            &format!("{} || ' ' || {}", word(number), word(number + 1)),
        )
}
