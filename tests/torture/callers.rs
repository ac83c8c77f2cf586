//! Who calls: whom PostgREST lets in with which claims, and who has a login.

use serde_json::json;
use uuid::Uuid;

use crate::player::Player;

/// Who makes a call.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Signed in with Supabase: somebody of the staff, a customer, a stranger.
    User(Uuid),
    /// Anon with these claims: a visitor's token, or none.
    Anon(serde_json::Value),
    /// A service key.
    Service,
    /// The worker's own login.
    Worker,
    /// Somebody with psql.
    Owner,
}

/// The claims that PostgREST would show.
pub fn claims(caller: &Caller) -> serde_json::Value {
    match caller {
        Caller::User(user) => json!({"sub": user, "role": "authenticated", "aud": "authenticated"}),
        Caller::Anon(claims) => claims.clone(),
        Caller::Service => json!({"role": "service_role"}),
        Caller::Worker | Caller::Owner => serde_json::Value::Null,
    }
}

/// An agent of this site, or whoever strays in.
pub fn staff(p: &mut Player<'_>) -> Caller {
    match p.chance.below(40) {
        0 => Caller::User(p.world.stranger),
        1 => Caller::Anon(json!({"role": "anon"})),
        2 => {
            let staff = &p.elsewhere().staff;
            Caller::User(staff[p.chance.below(staff.len())])
        }
        _ => {
            let staff = &p.place().staff;
            p.acting = staff[p.chance.below(staff.len())];
            Caller::User(p.acting)
        }
    }
}

/// An owner, an admin of the agency, or an agent who is an admin.
pub fn boss(p: &mut Player<'_>) -> Caller {
    if p.chance.one_in(10) {
        return staff(p);
    }
    let staff = &p.place().staff;
    Caller::User(staff[[0, 1, staff.len() - 1][p.chance.below(3)]])
}

/// A visitor with a session's token; now and then forged, or run out.
pub fn visitor(p: &mut Player<'_>) -> Caller {
    let session = p.chance.some(&p.sessions);
    p.acting = session.map_or(Uuid::nil(), |session| session.id);
    let claims = session.and_then(|session| session.claims().ok());
    let Some(mut claims) = claims else {
        return Caller::Anon(json!({"role": "anon"}));
    };
    match p.chance.below(60) {
        0 => claims["exp"] = json!(1),
        1 => claims["exp"] = json!("soon"),
        2 => claims["chat_site"] = json!(p.elsewhere().site.id),
        3 => claims["chat_session"] = p.chance.json_text(),
        4 => claims = p.chance.json_text(),
        _ => {}
    }
    Caller::Anon(claims)
}

/// Both sides do it.
pub fn either(p: &mut Player<'_>) -> Caller {
    if p.chance.one_in(3) {
        visitor(p)
    } else {
        staff(p)
    }
}

/// Somebody whose browser opens the widget: unknown, with a session, or signed in.
pub fn customer(p: &mut Player<'_>) -> Caller {
    match p.chance.below(6) {
        0 => Caller::User(Uuid::from_u128(p.person() as u128)),
        1 => visitor(p),
        _ => Caller::Anon(json!({"role": "anon"})),
    }
}

/// A program with the service key.
pub fn service(p: &mut Player<'_>) -> Caller {
    if p.chance.one_in(40) {
        staff(p)
    } else {
        Caller::Service
    }
}

pub fn worker(p: &mut Player<'_>) -> Caller {
    if p.chance.one_in(200) {
        staff(p)
    } else {
        Caller::Worker
    }
}

pub fn owner(_: &mut Player<'_>) -> Caller {
    Caller::Owner
}
