//! Who and what the demo is about: the names that the seed, the Graph simulator,
//! the worker's environment and the play share.

use uuid::{Uuid, uuid};

/// The only site of `supabase/seed.sql`.
pub const SITE_ID: Uuid = uuid!("11111111-1111-4111-8111-111111111111");

/// The database of a stack, named as on Supabase.
pub const DATABASE: &str = "postgres";

/// Meta's id of the app that signs webhooks.
pub const APP_ID: &str = "670843887433847";

/// The WhatsApp Business Account.
pub const BUSINESS_ACCOUNT_ID: &str = "102290129340398";

/// Meta's id of the business number.
pub const PHONE_NUMBER_ID: &str = "106540352242922";

/// The business number as people read it.
pub const DISPLAY_PHONE_NUMBER: &str = "+1 555-078-3881";

/// Somebody who answers: an auth user with an agent row in the seed.
#[derive(Clone, Copy, Debug)]
pub struct Person {
    /// `auth.users.id`.
    pub user_id: Uuid,
    /// What they sign in with.
    pub email: &'static str,
}

/// Ada, to whom the first chat goes.
pub const ADA: Person = Person {
    user_id: uuid!("aaaaaaaa-0000-4000-8000-000000000001"),
    email: "ada@example.com",
};

/// Ben, who has a chat already.
pub const BEN: Person = Person {
    user_id: uuid!("bbbbbbbb-0000-4000-8000-000000000002"),
    email: "ben@example.com",
};
