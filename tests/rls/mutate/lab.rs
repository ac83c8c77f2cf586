//! Where one mutation is tried.

use anyhow::{Context, Result, bail, ensure};
use local_stack::server::SUPERUSER;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};

use super::Mutation;
use super::likeliest::Attacks;
use crate::differences::Differences;
use crate::observe::prepare;
use crate::personas::Persona;
use crate::questions::{Names, Part, Questions};
use crate::world::World;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A test noticed.
    Caught {
        /// Which, in a word: `matrix`, `calls`, `catalog`, `attack`.
        by: &'static str,
        /// What it saw.
        saw: String,
    },
    /// None did. Perhaps something broke, which is not the same.
    Survived {
        /// What broke.
        broke: Option<String>,
    },
}

/// What is asked everywhere, and the attacks.
pub struct Lab {
    questions: Questions,
    /// A world as attacks find it, to be copied.
    template: World,
    attacks: Attacks,
}

/// A world with a connection on which mutations are made and undone.
pub struct Bench {
    world: World,
    connection: PgConnection,
}

/// Queries over the catalog that must find nothing, by the test that asks them.
const CATALOG: [(&str, &str); 2] = [
    (
        "catalog::tables::every_table_has_row_level_security",
        include_str!("../../catalog/without_rls.sql"),
    ),
    (
        "catalog::functions::definer_trigger_and_public_functions_pin_an_empty_search_path",
        include_str!("../../catalog/unpinned.sql"),
    ),
];

impl Lab {
    /// Makes the world that attacks begin with, and reads what is asked.
    pub async fn new(template: World) -> Result<Self> {
        let questions = Questions::read(&template).await?;
        template.db.leave().await;
        Ok(Self {
            questions,
            template,
            attacks: Attacks::new(),
        })
    }

    /// A place to try mutations one after the other.
    pub async fn bench(&self) -> Result<Bench> {
        let world = self.template.copy().await?;
        self.questions.prepare_calls(&world).await?;
        let mut connection = world.db.connect_as(SUPERUSER).await?;
        prepare(&mut connection).await?;
        connection
            .execute("set lock_timeout = '20s'; set statement_timeout = '60s'")
            .await?;
        Ok(Bench { world, connection })
    }

    /// Everything must be as expected while nothing is mutated.
    pub async fn check(&self, bench: &mut Bench) -> Result<()> {
        let gaps = self.questions.gaps()?;
        ensure!(gaps.is_empty(), "{}", gaps.join("\n"));
        match self.ask(bench, "", &Part::all()).await? {
            Verdict::Survived { broke: None } => Ok(()),
            other => bail!("without any mutation something is wrong: {other:?}"),
        }
    }

    /// Tries a mutation.
    pub async fn examine(&self, bench: &mut Bench, mutation: &Mutation) -> Result<Verdict> {
        let mut broke = None;
        // A function that neither a relation runs nor anything but these calls is seen nowhere else.
        let is_whole = !mutation.functions.is_empty() && mutation.part.relations == Names::none();
        let parts = [mutation.part.clone(), Part::all()];
        for part in &parts[..if is_whole { 1 } else { 2 }] {
            match self.ask(bench, &mutation.statements, part).await? {
                Verdict::Survived { broke: more } => broke = broke.or(more),
                caught => return Ok(caught),
            }
        }
        for traced in self.attacks.against(mutation) {
            let name = traced.attack.name;
            match traced.try_in(&self.mutated(mutation).await?).await? {
                Ok(()) => {}
                Err(error) if error.is::<sqlx::Error>() => {
                    broke = broke.or(Some(format!("{name}: {error:#}")));
                }
                Err(error) => {
                    return Ok(Verdict::Caught {
                        by: "attack",
                        saw: format!("{name}: {error:#}"),
                    });
                }
            }
        }
        Ok(Verdict::Survived { broke })
    }

    /// A copy of the world in which the rule is gone for good.
    async fn mutated(&self, mutation: &Mutation) -> Result<World> {
        let world = self.template.copy().await?;
        let mut superuser = world.db.connect_as(SUPERUSER).await?;
        let mut all = superuser.begin().await?;
        all.execute(AssertSqlSafe(&*mutation.statements))
            .await
            .with_context(|| mutation.name.clone())?;
        all.commit().await?;
        superuser.close().await?;
        Ok(world)
    }

    /// Asks a part of the questions in a mutated transaction, everybody in turn, until somebody gets another answer.
    async fn ask(&self, bench: &mut Bench, statements: &str, part: &Part) -> Result<Verdict> {
        let mut all = bench.connection.begin().await?;
        all.execute(AssertSqlSafe(statements))
            .await
            .with_context(|| format!("this does not mutate anything: {statements}"))?;
        for (test, query) in CATALOG {
            let found: Vec<String> = sqlx::query_scalar(query).fetch_all(&mut *all).await?;
            if !found.is_empty() {
                return Ok(Verdict::Caught {
                    by: "catalog",
                    saw: format!("{test}: {}", found.join(", ")),
                });
            }
        }
        let mut differences = Differences::default();
        for persona in Persona::ALL {
            let mut request = all.begin().await?;
            persona
                .caller(&bench.world)?
                .begin_as_superuser(&mut request)
                .await?;
            self.questions
                .ask(&bench.world, &mut request, persona, part, &mut differences)
                .await
                .with_context(|| format!("as {persona:?}, after {statements}"))?;
            request.rollback().await?;
            if let Some(saw) = differences.clear() {
                let by = if saw.starts_with("Call ") {
                    "calls"
                } else {
                    "matrix"
                };
                return Ok(Verdict::Caught { by, saw });
            }
        }
        Ok(Verdict::Survived {
            broke: differences.first(),
        })
    }
}
