//! What is called: each public function with the arguments that clients give it, and the statements that PostgREST makes
//! of a dashboard's inserts, updates and deletes. A file a room, and what Meta posts has one.

use crate::callers::Caller;
use crate::player::Player;

mod conversations;
mod inbox;
mod jobs;
mod posted;
mod sites;
mod tables;
mod team;
mod time;
mod visitors;
mod whatsapp;
mod widget;

/// Named arguments, each an SQL expression.
pub type Args = Vec<(&'static str, String)>;

/// One way to call.
pub struct Kind {
    /// The function's name, or the verb and the table.
    pub name: &'static str,
    /// How often, compared with others.
    pub weight: u32,
    /// Who usually does this.
    pub caller: fn(&mut Player<'_>) -> Caller,
    /// What is said.
    pub makes: Makes,
    /// Hands somebody a chat, or takes their room away, past routing; or erases somebody. Not at the strict site.
    pub bends: bool,
}

/// What a kind says.
pub enum Makes {
    /// Calls the function of the kind's name.
    Function(fn(&mut Player<'_>) -> Args),
    /// A write of a table, as PostgREST makes it, or a statement of somebody with psql.
    Statement(fn(&mut Player<'_>) -> String),
}

/// A call that is about to be made.
pub struct Call {
    pub name: &'static str,
    pub caller: Caller,
    pub statement: String,
    /// An argument is no value of its type.
    pub garbled: bool,
    /// A client's own write of a table, where the table's constraints answer.
    pub of_table: bool,
}

const fn function(
    name: &'static str,
    weight: u32,
    caller: fn(&mut Player<'_>) -> Caller,
    args: fn(&mut Player<'_>) -> Args,
) -> Kind {
    Kind {
        name,
        weight,
        caller,
        makes: Makes::Function(args),
        bends: false,
    }
}

const fn statement(
    name: &'static str,
    weight: u32,
    caller: fn(&mut Player<'_>) -> Caller,
    says: fn(&mut Player<'_>) -> String,
) -> Kind {
    Kind {
        name,
        weight,
        caller,
        makes: Makes::Statement(says),
        bends: false,
    }
}

const fn bends(kind: Kind) -> Kind {
    Kind {
        bends: true,
        ..kind
    }
}

/// All of them.
pub fn all() -> Vec<&'static Kind> {
    let rooms: [&'static [Kind]; 10] = [
        conversations::CALLS,
        inbox::CALLS,
        jobs::CALLS,
        sites::CALLS,
        tables::CALLS,
        team::CALLS,
        time::CALLS,
        visitors::CALLS,
        whatsapp::CALLS,
        widget::CALLS,
    ];
    rooms.into_iter().flatten().collect()
}

impl Kind {
    /// The call as it will be made.
    pub fn call(&self, player: &mut Player<'_>) -> Call {
        let caller = (self.caller)(player);
        let (statement, of_table) = match self.makes {
            Makes::Statement(says) => (says(player), true),
            Makes::Function(args) => {
                let args: Vec<_> = args(player)
                    .into_iter()
                    .map(|(name, value)| format!("{name} => {value}"))
                    .collect();
                (
                    format!("select * from public.{}({})", self.name, args.join(", ")),
                    false,
                )
            }
        };
        Call {
            name: self.name,
            caller,
            statement,
            garbled: player.chance.take_garbled(),
            of_table,
        }
    }
}
