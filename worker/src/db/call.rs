//! A call of a database function, whatever way it goes: every argument by its name in SQL.

use super::DbError;
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

/// A function and what it is given.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// Its name, in schema public.
    pub(super) function: &'static str,
    pub(super) arguments: Vec<(&'static str, Argument<'a>)>,
}

/// A value as SQL takes it. JSON is written once, here, and carried as it is.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Argument<'a> {
    Int(i32),
    Bigint(i64),
    Bigints(&'a [i64]),
    Uuid(Uuid),
    Uuids(&'a [Uuid]),
    Flag(bool),
    Text(&'a str),
    Texts(&'a [&'a str]),
    Json(Box<RawValue>),
}

impl<'a> Call<'a> {
    /// A call without arguments.
    pub(super) fn of(function: &'static str) -> Self {
        Self {
            function,
            arguments: Vec::new(),
        }
    }

    /// With one more argument.
    pub(super) fn with(mut self, name: &'static str, argument: impl Into<Argument<'a>>) -> Self {
        self.arguments.push((name, argument.into()));
        self
    }

    /// With one more if there is one; else the function has its own default, which is null for all that may be missing.
    pub(super) fn with_some(
        self,
        name: &'static str,
        argument: Option<impl Into<Argument<'a>>>,
    ) -> Self {
        match argument {
            Some(argument) => self.with(name, argument),
            None => self,
        }
    }

    /// With a job and the lease that it is held under.
    pub(super) fn under(self, job_id: i64, lease_token: Uuid) -> Self {
        self.with("job_id", job_id).with("lease_token", lease_token)
    }

    /// With one more that is jsonb.
    pub(super) fn with_json<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Self, DbError> {
        let json = to_raw_value(value).map_err(DbError::Question)?;
        Ok(self.with(name, Argument::Json(json)))
    }

    /// The statement, with `$1` for the first argument. Whatever the function gives comes as jsonb.
    pub(super) fn statement(&self) -> String {
        let arguments: Vec<_> = (1..)
            .zip(&self.arguments)
            .map(|(number, (name, _))| format!("{name} => ${number}"))
            .collect();
        format!(
            "select to_jsonb(public.{}({}))",
            self.function,
            arguments.join(", ")
        )
    }
}

/// The body of a request to PostgREST.
impl Serialize for Call<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.arguments.iter().map(|(name, value)| (name, value)))
    }
}

macro_rules! arguments {
    ($($from:ty => $into:expr),* $(,)?) => {
        $(impl<'a> From<$from> for Argument<'a> {
            fn from(value: $from) -> Self {
                $into(value)
            }
        })*
    };
}

arguments! {
    i32 => Argument::Int,
    i64 => Argument::Bigint,
    &'a [i64] => Argument::Bigints,
    Uuid => Argument::Uuid,
    &'a [Uuid] => Argument::Uuids,
    bool => Argument::Flag,
    &'a str => Argument::Text,
    &'a [&'a str] => Argument::Texts,
}

#[cfg(test)]
mod tests {
    use super::Call;
    use serde_json::json;

    #[test]
    fn both_ways_name_every_argument() {
        let ids = [7_i64, 8];
        let call = Call::of("some_function")
            .with("ids", &ids[..])
            .with_some("after", None::<&str>)
            .with_some("mark", Some("m"))
            .with_json("items", &json!([{"a": 1}]))
            .unwrap();
        assert_eq!(
            call.statement(),
            "select to_jsonb(public.some_function(ids => $1, mark => $2, items => $3))"
        );
        assert_eq!(
            serde_json::to_string(&call).unwrap(),
            r#"{"ids":[7,8],"mark":"m","items":[{"a":1}]}"#
        );
    }
}
